import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import { mediaTypes, validateImage } from '../../src/oci/index.ts';
import { pullImage } from '../../src/registry/index.ts';
import type { PulledImage, PullOptions, PullProgress } from '../../src/registry/index.ts';
import { startFaultProxy, type FaultProxy, type Intercept } from '../support/fault-proxy.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTinyImage, type TinyImage } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';

requires('tool:docker-registry', 'tool:skopeo');

const retry = { tries: 4, first: 1, longest: 5, patience: 2000 };
/** Where silence is short: a machine may be busy for longer than that, more than once. */
const often = { ...retry, tries: 100 };
const app = 'docker.io/library/app:latest';

let registry: TestRegistry;
let image: TinyImage;
let big = '';
let layer: Buffer = Buffer.alloc(0);

beforeAll(async () => {
  using folder = tempFolder('registry');
  registry = await startRegistry(join(folder.path, 'r'));
  await withStore(async (store) => {
    const layers = [{ big: 'line\n'.repeat(60_000) }, { b: '' }, { c: '' }, { d: '' }];
    image = await makeTinyImage(store, { name: app, layers });
    big = image.layers[0]!.descriptor.digest;
    layer = await store.blobs.read(image.layers[0]!.diffId);
    await registry.push(store, 'app:latest', 'app:1');
  });
});

afterAll(async () => registry[Symbol.asyncDispose]());

interface Outcome {
  readonly proxy: FaultProxy;
  readonly pulled: PulledImage;
}

/** Pulls app:1 through a proxy that does wrong, and checks that what came is right all the same. */
async function pull(intercept: Intercept, options: PullOptions & { name?: string } = {}): Promise<Outcome> {
  await using proxy = await startFaultProxy(registry.host, intercept);
  return await withStore(async (store) => {
    try {
      const name = `${proxy.host}/${options.name ?? 'app:1'}`;
      const pulled = await pullImage(store, name, {
        retry,
        platform: { os: 'linux', architecture: 'amd64' },
        ...options,
      });
      expect(pulled.id).toBe(image.id);
      expect(await validateImage(store.blobs, pulled.manifest)).toEqual([]);
      return { proxy, pulled };
    } catch (error) {
      expect(await store.refs.list()).toEqual([]);
      expect(await store.images.list()).toEqual([]);
      throw error;
    }
  });
}

const isManifest = (request: IncomingMessage): boolean => request.url?.includes('/manifests/') === true;
const isBig = (request: IncomingMessage): boolean => request.url?.includes(big) === true;

/** Does something at the first request that fits, or at all. */
function at(
  fits: (request: IncomingMessage) => boolean,
  answer: (response: ServerResponse, request: IncomingMessage) => void,
  times = Infinity,
): Intercept {
  let left = times;
  return (request, response) => {
    if (!fits(request) || left === 0) return false;
    left -= 1;
    answer(response, request);
    return true;
  };
}

/** Promises the whole layer and breaks the connection after `bytes`, some time later or once they have `arrived`. */
function cutAfter(bytes: number, arrived?: Promise<unknown>) {
  return (response: ServerResponse, request: IncomingMessage): void => {
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const rest = layer.subarray(from);
    response.writeHead(from === 0 ? 200 : 206, {
      'content-length': rest.length,
      ...(from === 0 ? {} : { 'content-range': `bytes ${from}-${layer.length - 1}/${layer.length}` }),
    });
    response.write(rest.subarray(0, bytes), () => {
      void (arrived ?? sleep(20)).then(() => response.destroy());
    });
  };
}

describe('transfers', () => {
  it('G-33 resumes a blob where it was cut', async () => {
    const arrived = Promise.withResolvers<undefined>();
    const onProgress = ({ digest, current }: PullProgress): void => {
      if (digest === big && current === 100_000) arrived.resolve(undefined);
    };
    const { proxy } = await pull(at(isBig, cutAfter(100_000, arrived.promise), 1), { onProgress });
    const ranges = proxy.seen.filter(({ path }) => path.includes(big)).map(({ headers }) => headers.range);
    expect(ranges).toEqual([undefined, 'bytes=100000-']);
  });

  it('G-33 arrives over a line that is cut again and again, as long as something comes', async () => {
    const { proxy } = await pull(at(isBig, cutAfter(40_000), 7));
    expect(proxy.seen.filter(({ path }) => path.includes(big))).toHaveLength(8);
  });

  it('G-33 takes a whole answer where a range was asked for', async () => {
    let first = true;
    await pull(
      at(isBig, (response, request) => {
        if (first) cutAfter(100_000)(response, request);
        else response.writeHead(200).end(layer);
        first = false;
      }),
    );
  });

  it('G-33 begins anew after silence', async () => {
    const hang = (response: ServerResponse): void => {
      response.writeHead(200, { 'content-length': layer.length });
      response.write(layer.subarray(0, 1000));
    };
    const { proxy } = await pull(
      at((request) => isBig(request) && request.headers.range === undefined, hang),
      { stall: 300, retry: often },
    );
    const ranges = proxy.seen.filter(({ path }) => path.includes(big)).map(({ headers }) => headers.range);
    // A slow machine may have it asked for once more.
    expect(new Set(ranges)).toEqual(new Set([undefined, 'bytes=1000-']));
  });

  it('G-32 asks again for a manifest that does not come', async () => {
    const { proxy } = await pull(
      at(isManifest, () => undefined, 1),
      { stall: 300, retry: often },
    );
    // A slow machine may have it asked for once more.
    expect(proxy.seen.filter(({ path }) => path.includes('/manifests/')).length).toBeGreaterThan(1);
    await expect(
      pull(
        at(isManifest, () => undefined),
        { stall: 50 },
      ),
    ).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      message: expect.stringContaining('no answer within 50 ms') as string,
    });
  });

  it('G-32 gives up when nothing comes at all', async () => {
    await expect(pull(at(isBig, (response) => response.destroy()))).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
    });
  });

  it('S-55 G-34 refuses a blob with other content', async () => {
    const other = Buffer.from(layer);
    other[200] = 1;
    const answer = (response: ServerResponse): void => void response.writeHead(200).end(other);
    await expect(pull(at(isBig, answer))).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('G-34 refuses a blob that is longer than promised, without reading on', async () => {
    const endless = (response: ServerResponse): void => {
      response.writeHead(200);
      const chunk = Buffer.alloc(65_536);
      const more = (): void => {
        if (!response.destroyed) response.write(chunk, more);
      };
      more();
    };
    await expect(pull(at(isBig, endless))).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('the first failure stops the other transfers', async () => {
    const gone = (response: ServerResponse): void => void response.writeHead(404).end();
    const { message } = await pull(at(isBig, gone)).then(
      () => new Error('pulled'),
      (error: unknown) => error as Error,
    );
    expect(message).toMatch(/has no image/);
  });
});

describe('retries', () => {
  it.each([408, 429, 499, 500, 502, 503, 504, 522])('G-32 tries again after status %d', async (status) => {
    const { proxy } = await pull(at(isManifest, (response) => response.writeHead(status).end(), 2));
    expect(proxy.seen.filter(({ path }) => path.includes('/manifests/'))).toHaveLength(3);
  });

  it('B-09 G-32 waits as long as Retry-After says', async () => {
    const began = performance.now();
    const busy = (response: ServerResponse): void =>
      void response.writeHead(429, { 'retry-after': '1' }).end();
    await pull(at(isManifest, busy, 1));
    // Not a measurement: earlier would mean that the header was not read.
    expect(performance.now() - began).toBeGreaterThan(990);
  });

  it('G-32 does not wait longer than anyone would, and says why', async () => {
    const busy = (response: ServerResponse): void => {
      const body = JSON.stringify({ errors: [{ code: 'TOOMANYREQUESTS', message: 'pull rate limit' }] });
      response.writeHead(429, { 'retry-after': '3600' }).end(body);
    };
    await expect(pull(at(isManifest, busy))).rejects.toMatchObject({
      code: 'REGISTRY_ERROR',
      message: expect.stringMatching(
        /limits how often.*TOOMANYREQUESTS: pull rate limit \(status 429\)/,
      ) as string,
    });
  });

  it.each([
    [401, 'REGISTRY_DENIED'],
    [403, 'REGISTRY_DENIED'],
    [404, 'IMAGE_NOT_FOUND'],
    [400, 'REGISTRY_ERROR'],
    [500, 'REGISTRY_ERROR'],
  ] as const)('B-09 G-32 status %d for ever is %s', async (status, code) => {
    const pulling = pull(at(isManifest, (response) => response.writeHead(status).end()));
    await expect(pulling).rejects.toMatchObject({ code });
  });

  it('G-35 shows the beginning of what the registry says, without what would steer a terminal', async () => {
    const message = `\u001b[31mred\u0007${'long '.repeat(200)}`;
    const body = JSON.stringify({ errors: [{ code: 'X', message }] });
    const failure = await pull(at(isManifest, (response) => response.writeHead(400).end(body))).catch(
      (error: unknown) => error,
    );
    const shown = (failure as Error).message;
    expect(shown).toMatch(/X: +\[31mred/);
    expect(shown).not.toMatch(/[\u0000-\u001f]/);
    expect(shown.length).toBeLessThan(400);
  });

  it('says that a connection was refused, at once', async () => {
    const proxy = await startFaultProxy(undefined, () => false);
    await proxy[Symbol.asyncDispose]();
    await withStore(async (store) => {
      await expect(pullImage(store, `${proxy.host}/app:1`)).rejects.toMatchObject({
        code: 'REGISTRY_UNREACHABLE',
        message: `cannot pull ${proxy.host}/app:1 from ${proxy.host}: the connection was refused`,
      });
    });
  });

  it('says that a host is not known', async () => {
    await withStore(async (store) => {
      const pulling = pullImage(store, 'no-such-host.invalid/app:1', { retry: { ...retry, tries: 1 } });
      await expect(pulling).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    });
  });
});

describe('manifests', () => {
  const schema1 = JSON.stringify({ schemaVersion: 1, name: 'a', tag: '1', fsLayers: [] });
  const both = JSON.stringify({ schemaVersion: 2, layers: [], manifests: [], config: {} });
  const answer = (type: string, body: string | Buffer, headers = {}) =>
    at(isManifest, (response) => response.writeHead(200, { 'content-type': type, ...headers }).end(body));

  it.each([
    [
      'G-44 schema 1',
      answer('application/vnd.docker.distribution.manifest.v1+prettyjws', schema1),
      'IMAGE_INVALID',
    ],
    ['S-54 a manifest that is an index too', answer(mediaTypes.manifest, both), 'IMAGE_INVALID'],
    [
      'S-54 an index sent as a manifest',
      answer(mediaTypes.manifest, JSON.stringify({ schemaVersion: 2, manifests: [] })),
      'IMAGE_INVALID',
    ],
    [
      'S-54 content of another type than its header',
      answer(
        mediaTypes.manifest,
        JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.dockerManifest, layers: [] }),
      ),
      'IMAGE_INVALID',
    ],
    ['a page of a proxy', answer('text/html', '<html>'), 'IMAGE_INVALID'],
    [
      'G-35 a manifest that is too large',
      answer(mediaTypes.manifest, Buffer.alloc(5 * 2 ** 20, ' ')),
      'REGISTRY_ERROR',
    ],
    [
      'G-34 a manifest with another digest than its header',
      answer(mediaTypes.manifest, '{}', { 'docker-content-digest': digestOf('other') }),
      'DIGEST_MISMATCH',
    ],
    [
      'S-55 a config whose digest is a path',
      answer(
        mediaTypes.manifest,
        JSON.stringify({
          schemaVersion: 2,
          config: { mediaType: mediaTypes.config, digest: 'sha256:../../x', size: 2 },
          layers: [],
        }),
      ),
      'IMAGE_INVALID',
    ],
    [
      'G-35 a config that is too large',
      answer(
        mediaTypes.manifest,
        JSON.stringify({
          schemaVersion: 2,
          config: { mediaType: mediaTypes.config, digest: digestOf(''), size: 1e9 },
          layers: [],
        }),
      ),
      'IMAGE_INVALID',
    ],
  ] as const)('refuses %s', async (_name, intercept, code) => {
    await expect(pull(intercept)).rejects.toMatchObject({ code });
  });

  it('S-66 G-34 refuses other content under a digest that was asked for', async () => {
    const other = answer(mediaTypes.manifest, JSON.stringify({ schemaVersion: 2, layers: [] }));
    const name = `app@${image.manifest.digest}`;
    await expect(pull(other, { name })).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    const { pulled } = await pull(() => false, { name });
    expect(pulled.digest).toBe(image.manifest.digest);
  });

  it('asks for the manifest of each kind it can read', async () => {
    const { proxy } = await pull(() => false);
    const accept = proxy.seen.find(({ path }) => path.includes('/manifests/'))?.headers.accept?.split(', ');
    expect(accept).toEqual([
      mediaTypes.manifest,
      mediaTypes.index,
      mediaTypes.dockerManifest,
      mediaTypes.dockerList,
    ]);
  });
});
