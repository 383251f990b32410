import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, request as forward, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo, type Server } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { pullImage } from '../../src/registry/index.ts';
import { projectRoot } from '../support/paths.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { runCommand } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTinyImage, type TinyImage } from '../support/tiny-image.ts';
import { makeTlsFiles, type TlsFiles } from '../support/tls-files.ts';
import { withStore } from '../support/with-store.ts';

requires('tool:docker-registry', 'tool:skopeo', 'tool:openssl');

const name = 'registry.example.test';

let registry: TestRegistry;
let image: TinyImage;
let tls: TlsFiles;
let secure: Server;
let proxy: Server;
const tunnels: string[] = [];

beforeAll(async () => {
  using folder = tempFolder('tls');
  registry = await startRegistry(join(folder.path, 'r'));
  await withStore(async (store) => {
    image = await makeTinyImage(store, { name: 'docker.io/library/app:latest', compression: 'gzip' });
    await registry.push(store, 'app:latest', 'app:1');
  });
  tls = await makeTlsFiles(folder.path, name);
  const pass: RequestListener = (request, response) => {
    const url = `http://${registry.host}${request.url ?? ''}`;
    request.pipe(
      forward(url, { method: request.method, headers: request.headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      }),
    );
  };
  secure = createTlsServer({ key: readFileSync(tls.key), cert: readFileSync(tls.certificate) }, pass);
  await listen(secure);
  // Whatever host is asked for, the tunnel ends at the test's own server.
  proxy = createServer();
  proxy.on('connect', (request: { url?: string }, socket: NodeJS.WritableStream & NodeJS.ReadableStream) => {
    tunnels.push(request.url ?? '');
    const end = connect(portOf(secure), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(end).pipe(socket);
    });
    end.on('error', () => undefined);
    socket.on('error', () => undefined);
  });
  await listen(proxy);
});

afterAll(async () => {
  secure.close();
  proxy.close();
  await registry[Symbol.asyncDispose]();
});

async function listen(server: Server): Promise<void> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** A pull by a process of its own: certificate authorities and proxies are read from the environment once. */
async function pullInChild(reference: string, env: NodeJS.ProcessEnv): Promise<string> {
  using folder = tempFolder('child');
  const script = join(folder.path, 'pull.ts');
  writeFileSync(
    script,
    `import { openStore } from ${JSON.stringify(join(projectRoot, 'src/store/index.ts'))};
     import { pullImage } from ${JSON.stringify(join(projectRoot, 'src/registry/index.ts'))};
     await using store = await openStore(${JSON.stringify(join(folder.path, 'store'))});
     const retry = { tries: 1, first: 1, longest: 1, patience: 1 };
     const pulled = await pullImage(store, ${JSON.stringify(reference)}, { retry }).catch((error) => ({ id: error.code + ' ' + error.message + ' ' + error.hint }));
     console.log(pulled.id);`,
  );
  const result = await runCommand([process.execPath, '--disable-warning=ExperimentalWarning', script], {
    env: { PATH: process.env['PATH'], ...env },
  });
  return `${result.stdout}${result.stderr}`.trim();
}

describe('https', () => {
  it('G-37 refuses a certificate that nobody vouches for, on this machine too', async () => {
    await withStore(async (store) => {
      await expect(pullImage(store, `127.0.0.1:${portOf(secure)}/app:1`)).rejects.toMatchObject({
        code: 'REGISTRY_UNREACHABLE',
        hint: expect.stringMatching(/NODE_EXTRA_CA_CERTS.*certs\.d\/127\.0\.0\.1:\d+\/ca\.crt/) as string,
      });
    });
  });

  it('G-36 trusts an authority of NODE_EXTRA_CA_CERTS', async () => {
    const env = { NODE_EXTRA_CA_CERTS: tls.authority };
    expect(await pullInChild(`127.0.0.1:${portOf(secure)}/app:1`, env)).toBe(image.id);
  });
});

describe('proxies', () => {
  it.each(['HTTPS_PROXY', 'https_proxy'])('G-36 pulls through the proxy of %s', async (variable) => {
    tunnels.length = 0;
    const env = { NODE_EXTRA_CA_CERTS: tls.authority, [variable]: `http://127.0.0.1:${portOf(proxy)}` };
    expect(await pullInChild(`${name}/app:1`, env)).toBe(image.id);
    expect(new Set(tunnels)).toEqual(new Set([`${name}:443`]));
  });

  it('G-36 goes past the proxy for hosts of NO_PROXY, and for this machine', async () => {
    tunnels.length = 0;
    const env = { NODE_EXTRA_CA_CERTS: tls.authority, HTTPS_PROXY: `http://127.0.0.1:${portOf(proxy)}` };
    expect(await pullInChild(`${name}/app:1`, { ...env, NO_PROXY: name })).toMatch(/^REGISTRY_UNREACHABLE/);
    expect(await pullInChild(`127.0.0.1:${portOf(secure)}/app:1`, env)).toBe(image.id);
    expect(tunnels).toEqual([]);
  });
});
