import type { IncomingMessage, ServerResponse } from 'node:http';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { parseReference, validateImage } from '../../src/oci/index.ts';
import {
  lookUpImage,
  pullImage,
  registrySettings,
  type CredentialLookup,
  type PulledImage,
  type PullProgress,
  type RegistrySettings,
} from '../../src/registry/index.ts';
import { startFaultProxy, type FaultProxy, type Intercept } from '../support/fault-proxy.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTinyImage, type TinyImage } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';

requires('tool:docker-registry', 'tool:skopeo');

const retry = { tries: 3, first: 1, longest: 5, patience: 100 };
const platform = { os: 'linux', architecture: 'amd64' };
let registry: TestRegistry;
let image: TinyImage;
let big = '';
let layer: Buffer = Buffer.alloc(0);

beforeAll(async () => {
  using folder = tempFolder('mirrors');
  registry = await startRegistry(join(folder.path, 'r'));
  await withStore(async (store) => {
    const layers = [{ big: 'line\n'.repeat(60_000) }, { b: '' }, { c: '' }];
    image = await makeTinyImage(store, { name: 'docker.io/library/app:latest', layers });
    big = image.layers[0]!.descriptor.digest;
    layer = await store.blobs.read(image.layers[0]!.diffId);
    for (const name of ['team/app:1', 'cache/team/app:1']) await registry.push(store, 'app:latest', name);
  });
});

afterAll(async () => registry[Symbol.asyncDispose]());

interface Outcome {
  readonly pulled: PulledImage;
  readonly mirrors: readonly FaultProxy[];
  readonly upstream: FaultProxy;
  readonly warnings: readonly string[];
}

interface World {
  /** Each mirror is the same registry, doing wrong in its own way. */
  readonly mirrors: readonly Intercept[];
  readonly upstream?: Intercept;
  readonly credentials?: CredentialLookup;
  readonly stall?: number;
  readonly onProgress?: (progress: PullProgress) => void;
  /** Of the reference: a tag unless told. */
  readonly version?: string;
}

/** Settings with these hosts as mirrors of `registry`. */
function mirrored(of: string, hosts: readonly string[]): RegistrySettings {
  const { path } = tempFolder('conf');
  const mirrors = hosts.map((host) => `[[registry.mirror]]\nlocation = "${host}/cache"\n`).join('');
  mkdirSync(join(path, 'containers'));
  const conf = `[[registry]]\nlocation = "${of}"\n${mirrors}`;
  writeFileSync(join(path, 'containers/registries.conf'), conf);
  return registrySettings({ environment: { HOME: path }, etc: path });
}

async function pull({ version = ':1', ...world }: World): Promise<Outcome> {
  await using upstream = await startFaultProxy(registry.host, world.upstream ?? (() => false));
  await using stack = new AsyncDisposableStack();
  const mirrors: FaultProxy[] = [];
  for (const intercept of world.mirrors)
    mirrors.push(stack.use(await startFaultProxy(registry.host, intercept)));
  const settings = mirrored(
    upstream.host,
    mirrors.map(({ host }) => host),
  );
  const warnings: string[] = [];
  return await withStore(async (store) => {
    const pulled = await pullImage(store, `${upstream.host}/team/app${version}`, {
      ...{ retry, platform, settings, credentials: world.credentials, stall: world.stall },
      onProgress: world.onProgress,
      onWarning: (message) => void warnings.push(message),
    });
    expect(pulled.id).toBe(image.id);
    expect(await validateImage(store.blobs, pulled.manifest)).toEqual([]);
    // What it is called does not depend on where it came from.
    expect(pulled.repoDigest).toBe(`${upstream.host}/team/app@${image.manifest.digest}`);
    return { pulled, mirrors, upstream, warnings };
  });
}

const isContent = (path: string): boolean => /\/(?:blobs|manifests)\//.test(path);
const contentOf = (proxy: FaultProxy | undefined): readonly string[] =>
  proxy?.seen.map(({ path }) => path).filter(isContent) ?? [];

/** Does wrong at what fits. */
function at(
  fits: (url: string) => boolean,
  answer: (response: ServerResponse, request: IncomingMessage) => void,
): Intercept {
  return (request, response) => {
    if (!fits(request.url ?? '')) return false;
    answer(response, request);
    return true;
  };
}

const status = (code: number, fits: (url: string) => boolean = isContent): Intercept =>
  at(fits, (response) => response.writeHead(code).end());
const isBig = (url: string): boolean => url.includes(big);

describe('mirrors', () => {
  it('G-38 the first one is asked for everything, and told whose content it is', async () => {
    const { mirrors, upstream, warnings } = await pull({ mirrors: [() => false, () => false] });
    const asked = contentOf(mirrors[0]);
    expect(asked.length).toBeGreaterThan(4);
    for (const path of asked) {
      expect(path).toMatch(/^\/v2\/cache\/team\/app\//);
      expect(new URL(path, 'http://x').searchParams.get('ns')).toBe(upstream.host);
    }
    expect(contentOf(mirrors[1])).toEqual([]);
    expect(contentOf(upstream)).toEqual([]);
    expect(warnings).toEqual([]);
  });

  it.each<[string, Intercept]>([
    ['does not have it', status(404)],
    ['refuses', status(403)],
    ['is broken', status(500)],
    [
      'wants credentials',
      at(isContent, (response) => response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()),
    ],
    ['cuts connections', at(isContent, (response) => response.destroy())],
    [
      'sends another manifest',
      at(
        (url) => url.includes('/manifests/'),
        (response) =>
          response.writeHead(200, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }).end('{}'),
      ),
    ],
    ['has the manifest, but not the blobs', status(404, (url) => url.includes('/blobs/'))],
    ['sends other bytes', at(isBig, (response) => response.writeHead(200).end(Buffer.alloc(layer.length)))],
    ['sends too much', at(isBig, (response) => response.writeHead(200).end(Buffer.alloc(layer.length + 1)))],
    [
      'is full of web pages',
      at(isContent, (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')),
    ],
  ])('G-38 S-55 one that %s is passed over', async (_what, intercept) => {
    const { upstream, mirrors } = await pull({ mirrors: [intercept] });
    expect(contentOf(mirrors[0]).length).toBeGreaterThan(0);
    expect(contentOf(upstream).length).toBeGreaterThan(0);
    for (const path of contentOf(upstream)) expect(path).not.toContain('ns=');
  });

  it('G-38 one that never answers is passed over', async () => {
    const { warnings } = await pull({ mirrors: [at(isContent, () => undefined)], stall: 1000 });
    expect(warnings).toEqual([expect.stringContaining('is passed over: no answer within 1000 ms')]);
  });

  it('G-38 the second one is asked before the registry itself', async () => {
    const { mirrors, upstream, warnings } = await pull({ mirrors: [status(503), () => false] });
    expect(contentOf(mirrors[1]).length).toBeGreaterThan(4);
    expect(contentOf(upstream)).toEqual([]);
    expect(warnings).toEqual([`the mirror ${mirrors[0]!.host} is passed over: status 503`]);
  });

  /** A mirror that ends within the big layer, and what was asked of the registry then. */
  async function leftBy(start: Buffer): Promise<readonly (string | undefined)[]> {
    const arrived = Promise.withResolvers<undefined>();
    let cuts = 0;
    const cut = at(isBig, (response) => {
      if (cuts++ > 0) return void response.destroy();
      response.writeHead(200, { 'content-length': layer.length }).write(start);
      void arrived.promise.then(() => response.destroy());
    });
    const { upstream } = await pull({
      mirrors: [cut],
      onProgress: ({ digest, current }) => {
        if (digest === big && current === start.length) arrived.resolve(undefined);
      },
    });
    return upstream.seen.filter(({ path }) => path.includes(big)).map(({ headers }) => headers.range);
  }

  it('G-33 G-38 a blob that one left unfinished is gone on with at the next', async () => {
    expect(await leftBy(layer.subarray(0, 100_000))).toEqual(['bytes=100000-']);
  });

  it('G-38 a blob of which one sent a wrong beginning comes whole from the registry', async () => {
    expect(await leftBy(Buffer.alloc(100_000))).toEqual(['bytes=100000-', undefined]);
  });

  it('S-66 G-38 a digest is what it is at every mirror', async () => {
    const other = JSON.stringify({ schemaVersion: 2, layers: [] });
    const lie = at(
      (url) => url.includes('/manifests/'),
      (response) => response.writeHead(200).end(other),
    );
    const { pulled } = await pull({ mirrors: [lie], version: `@${image.manifest.digest}` });
    expect(pulled.digest).toBe(image.manifest.digest);
    const refused = pull({ mirrors: [], upstream: lie, version: `@${image.manifest.digest}` });
    await expect(refused).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('G-16 S-60 the registry’s credentials go to no mirror, and not to the mirror’s token service', async () => {
    const secret = { kind: 'password', username: 'me', password: 'the.secret' } as const;
    await using tokens = await startFaultProxy(undefined, (_request, response) => {
      response.end('{"token":"anonymous"}');
      return true;
    });
    const guard: Intercept = (request, response) => {
      if (request.headers.authorization !== undefined) return false;
      const challenge = `Bearer realm="http://${tokens.host}/token"`;
      response.writeHead(401, { 'www-authenticate': challenge }).end();
      return true;
    };
    const { mirrors } = await pull({ mirrors: [guard], credentials: () => Promise.resolve(secret) });
    expect(contentOf(mirrors[0]).length).toBeGreaterThan(4);
    const sent = [...mirrors, tokens].flatMap(({ seen }) => seen.map(({ headers }) => headers.authorization));
    expect(new Set(sent)).toEqual(new Set([undefined, 'Bearer anonymous']));
  });

  it('G-38 what is looked up comes from a mirror, too', async () => {
    await using mirror = await startFaultProxy(registry.host, () => false);
    const settings = mirrored('registry.invalid', [mirror.host]);
    const found = await lookUpImage(parseReference('registry.invalid/team/app:1'), {
      ...{ platform, settings, retry },
      signal: new AbortController().signal,
    });
    expect(found.id).toBe(image.id);
  });

  it('where nobody has it the registry’s own words count', async () => {
    const nobody = pull({ mirrors: [status(404)], upstream: status(403) });
    await expect(nobody).rejects.toMatchObject({ code: 'REGISTRY_DENIED' });
  });
});
