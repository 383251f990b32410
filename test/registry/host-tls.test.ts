import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import { TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import { mediaTypes, parseReference } from '../../src/oci/index.ts';
import {
  pushManifest,
  pushReferrer,
  readRepository,
  registrySettings,
  registryVariables,
  type CredentialLookup,
  type RegistrySettings,
} from '../../src/registry/index.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTlsFiles, type TlsFiles } from '../support/tls-files.ts';

requires('tool:openssl');

const retry = { tries: 2, first: 1, longest: 5, patience: 100 };
const body = JSON.stringify({
  schemaVersion: 2,
  mediaType: mediaTypes.manifest,
  config: { mediaType: mediaTypes.config, digest: digestOf('{}'), size: 2 },
  layers: [],
});

interface Seen {
  readonly path: string;
  readonly authorization: string | undefined;
  /** Name of the certificate that was shown. */
  readonly shown: string | undefined;
}

interface TlsServer extends AsyncDisposable {
  readonly port: number;
  readonly seen: readonly Seen[];
}

let tls: TlsFiles;
let own: TlsFiles;
beforeAll(async () => {
  const { path } = tempFolder('host-tls');
  mkdirSync(join(path, 'own'));
  tls = await makeTlsFiles(path, 'registry.example.test');
  own = await makeTlsFiles(join(path, 'own'), 'client.example.test');
});

interface Serving {
  /** Where the manifest is said to be. */
  readonly redirect?: string;
  /** Where blobs are said to go. */
  readonly uploads?: string;
  /** A certificate must be shown. */
  readonly asks?: boolean;
}

/** Serves one manifest by https. */
async function startServer(options: Serving = {}): Promise<TlsServer> {
  const seen: Seen[] = [];
  const files = { key: readFileSync(tls.key), cert: readFileSync(tls.certificate) };
  const request = {
    requestCert: true,
    rejectUnauthorized: false,
    ca: readFileSync(own.authority),
  };
  const server: Server = createServer({ ...files, ...request }, (asked, response) => {
    const { socket } = asked;
    const isKnown = socket instanceof TLSSocket && socket.authorized;
    const subject = isKnown ? socket.getPeerCertificate().subject.CN : undefined;
    const shown = Array.isArray(subject) ? subject[0] : subject;
    seen.push({ path: asked.url ?? '', authorization: asked.headers.authorization, shown });
    if (options.asks === true && shown === undefined) return void response.writeHead(403).end();
    if (asked.url === '/v2/') return void response.end('{}');
    if (options.uploads !== undefined) {
      const status = asked.method === 'POST' ? 202 : 404;
      return void response.writeHead(status, { location: options.uploads }).end();
    }
    if (options.redirect !== undefined) {
      return void response.writeHead(307, { location: `${options.redirect}${asked.url ?? ''}` }).end();
    }
    asked.resume();
    response.writeHead(asked.method === 'PUT' ? 201 : 200, { 'content-type': mediaTypes.manifest }).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** By host, files of its certs.d: name to path. */
type Certificates = Readonly<Record<string, Readonly<Record<string, string>>>>;

function trusting(certificates: Certificates, insecure = ''): RegistrySettings {
  const { path } = tempFolder('certs');
  for (const [host, files] of Object.entries(certificates)) {
    const folder = join(path, 'docker/certs.d', host);
    mkdirSync(folder, { recursive: true });
    for (const [name, from] of Object.entries(files)) copyFileSync(from, join(folder, name));
  }
  return registrySettings({ environment: { HOME: path, [registryVariables.insecure]: insecure }, etc: path });
}

async function read(
  host: string,
  settings: RegistrySettings,
  credentials?: CredentialLookup,
): Promise<string> {
  const reference = parseReference(`${host}/a:1`);
  return readRepository(reference, { retry, settings, credentials }, async (open) => {
    return (await open.manifest()).descriptor.digest;
  });
}

describe('certificates by host', () => {
  it('G-39 S-64 an authority of certs.d is trusted for its host alone', async () => {
    await using server = await startServer();
    const host = `127.0.0.1:${server.port}`;
    expect(await read(host, trusting({ [host]: { 'ca.crt': tls.authority } }))).toBe(digestOf(body));
    for (const settings of [
      trusting({ '127.0.0.1': { 'ca.crt': tls.authority } }),
      trusting({ [host]: { 'ca.crt': own.authority } }),
      registrySettings({ environment: {}, etc: '/nonexistent' }),
    ]) {
      await expect(read(host, settings)).rejects.toMatchObject({
        code: 'REGISTRY_UNREACHABLE',
        message: expect.stringContaining('certificate is not trusted') as string,
      });
    }
  });

  it('S-64 a certificate for other names is refused, and the advice is another one', async () => {
    await using server = await startServer();
    const host = `localhost:${server.port}`;
    await expect(read(host, trusting({ [host]: { 'ca.crt': tls.authority } }))).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      hint: 'use a name of the registry that its certificate has',
    });
    expect(server.seen).toEqual([]);
  });

  it('G-39 S-60 a registry that wants to see a certificate sees it, and another host does not', async () => {
    await using storage = await startServer();
    await using server = await startServer({ asks: true, redirect: `https://127.0.0.1:${storage.port}` });
    const [host, other] = [`127.0.0.1:${server.port}`, `127.0.0.1:${storage.port}`];
    const ca = { 'ca.crt': tls.authority };
    const mine = { ...ca, 'me.cert': own.certificate, 'me.key': own.key };
    expect(await read(host, trusting({ [host]: mine, [other]: ca }))).toBe(digestOf(body));
    expect(server.seen.at(-1)?.shown).toBe('client.example.test');
    expect(storage.seen.map(({ shown }) => shown)).toEqual([undefined]);
    // What is trusted for the one is not for the other.
    await expect(read(host, trusting({ [host]: mine }))).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
    });
    await expect(read(host, trusting({ [host]: ca }))).rejects.toMatchObject({ code: 'REGISTRY_DENIED' });
  });
});

describe('insecure registries', () => {
  it('S-64 any certificate will do for the named host, and for no other', async () => {
    await using storage = await startServer();
    await using server = await startServer({ redirect: `https://127.0.0.1:${storage.port}` });
    const [host, other] = [`127.0.0.1:${server.port}`, `127.0.0.1:${storage.port}`];
    const named = (names: string): RegistrySettings => trusting({}, names);
    await expect(read(host, named(host))).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    expect(server.seen.length).toBeGreaterThan(0);
    expect(storage.seen).toEqual([]);
    expect(await read(host, named(`${host},${other}`))).toBe(digestOf(body));
    expect(storage.seen.length).toBeGreaterThan(0);
  });

  /** An address of this machine that is not written as one: Linux takes it for the loopback device's. */
  const plainHost = (port: number): string => `0.0.0.0:${port}`;

  it('G-37 S-64 plain http is spoken to a named host, and to no other', async () => {
    await using plain = await startFaultProxy(undefined, (request, response) => {
      request.resume();
      response
        .writeHead(request.method === 'PUT' ? 201 : 200, { 'content-type': mediaTypes.manifest })
        .end(body);
      return true;
    });
    const host = plainHost(plain.port);
    await expect(read(host, trusting({}))).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      hint: expect.stringContaining('--insecure-registry') as string,
    });
    await expect(read(host, trusting({}, `127.0.0.1:${plain.port}`))).rejects.toThrow();
    expect(plain.seen).toEqual([]);
    const settings = trusting({}, host);
    expect(await read(host, settings)).toBe(digestOf(body));
    const manifest = { bytes: Buffer.from(body), mediaType: mediaTypes.manifest };
    await pushManifest(parseReference(`${host}/a:2`), manifest, { retry, settings });
    expect(plain.seen.at(-1)?.method).toBe('PUT');
  });

  it('S-60 S-64 a host that speaks https gets no credentials by plain http', async () => {
    const secret = { kind: 'password', username: 'me', password: 'the.secret' } as const;
    await using server = await startServer();
    await using plain = await startFaultProxy(undefined, (_request, response) => {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      return true;
    });
    // From https nothing leads to plain http, insecure or not.
    await using leading = await startServer({ redirect: `http://127.0.0.1:${plain.port}` });
    const host = `127.0.0.1:${leading.port}`;
    const settings = trusting({}, `${host},127.0.0.1:${plain.port},127.0.0.1:${server.port}`);
    await expect(read(host, settings, () => Promise.resolve(secret))).rejects.toMatchObject({
      code: 'REGISTRY_ERROR',
      message: expect.stringContaining('a redirect that is not followed') as string,
    });
    expect(plain.seen).toEqual([]);
  });

  it('S-60 what goes to a registry by https goes nowhere by plain http', async () => {
    await using plain = await startFaultProxy(undefined, (request, response) => {
      request.resume();
      response.writeHead(201).end();
      return true;
    });
    await using server = await startServer({ uploads: `http://localhost:${plain.port}/upload` });
    const host = `127.0.0.1:${server.port}`;
    const artifact = { artifactType: 'a/b', layers: [{ mediaType: 'a/b', bytes: Buffer.from('private') }] };
    const descriptor = { mediaType: mediaTypes.manifest, digest: digestOf(body), size: body.length };
    const subject = { repository: parseReference(`${host}/a:1`), descriptor };
    const settings = trusting({}, host);
    await expect(pushReferrer(subject, artifact, { retry, settings })).rejects.toMatchObject({
      code: 'REGISTRY_ERROR',
      message: expect.stringContaining('leads to plain http') as string,
    });
    expect(plain.seen).toEqual([]);
  });
});
