import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import { pushImage } from '../../src/image/index.ts';
import { pullImage, type PushProgress } from '../../src/registry/index.ts';
import { startFaultProxy, type Intercept } from '../support/fault-proxy.ts';
import { requires } from '../support/requires.ts';
import { sharedRegistry } from '../support/shared-registry.ts';
import { makeTinyImage } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';

requires('tool:docker-registry');

// As often as it takes on a busy machine, where silence is short.
const retry = { tries: 100, first: 1, longest: 5, patience: 2000 };
const registry = sharedRegistry();

/** Of a size that is packed on its way, and that does not shrink to nothing. */
const large = randomBytes(5 * 2 ** 20).toString('hex');

interface Pushed {
  /** `PATCH 1048576`, `PUT -`; of a body whose length was not said beforehand `chunked`. */
  readonly uploads: readonly string[];
  readonly progress: readonly PushProgress[];
}

/** Pushes one large layer past faults, and pulls it back from the registry itself. */
async function through(repository: string, intercept: Intercept, stall = 20_000): Promise<Pushed> {
  await using proxy = await startFaultProxy(registry.host, intercept);
  const progress: PushProgress[] = [];
  await withStore(async (store) => {
    const name = `${proxy.host}/${repository}:1`;
    const made = await makeTinyImage(store, { name, layers: [{ large }] });
    const onProgress = (one: PushProgress): unknown => one.kind === 'layer' && progress.push(one);
    await pushImage(store, name, { retry, stall, onProgress });
    await withStore(async (other) => {
      expect((await pullImage(other, `${registry.host}/${repository}:1`)).id).toBe(made.id);
    });
  });
  const uploads = proxy.seen
    .filter(({ method, path }) => method.startsWith('P') && path.includes('/blobs/uploads/'))
    .filter(({ method, headers }) => method !== 'POST' && Number(headers['content-length'] ?? 1e6) > 2000)
    .map(
      ({ method, headers }) => `${method} ${headers['content-length'] === undefined ? 'chunked' : 'whole'}`,
    );
  return { uploads, progress };
}

const atPatch =
  (act: Intercept): Intercept =>
  (request, response) =>
    request.method === 'PATCH' ? act(request, response) : false;

describe('a layer that is packed on its way', () => {
  it('end-5 travels in one request of unknown length, and the digest follows', async () => {
    const { uploads, progress } = await through('early/honest', () => false);
    expect(uploads).toEqual(['PATCH chunked']);
    const states = [...new Set(progress.map(({ state }) => state))];
    expect(states).toEqual(['transferring', 'sent']);
    const [first, last] = [progress[0], progress.at(-1)];
    expect(first?.digest).not.toBe(last?.digest);
    expect(last?.total).toBeLessThan(first?.total ?? 0);
  });

  it.each([
    ['wants to know the length', 411],
    ['finds it too large', 413],
    ['is busy', 503],
    ['wants other credentials', 401],
  ])('G-33 goes afterwards, as others do, where the registry %s', async (_, status) => {
    const { uploads } = await through(
      `early/status-${status}`,
      atPatch((request, response) => {
        request.resume();
        response.writeHead(status, status === 401 ? { 'www-authenticate': 'Basic realm="x"' } : {}).end();
        return true;
      }),
    );
    expect(uploads).toEqual(['PATCH chunked', 'PUT whole']);
  });

  it('G-33 goes afterwards where the connection is cut half-way', async () => {
    const { uploads } = await through(
      'early/cut',
      atPatch((request) => {
        request.once('data', () => request.socket.destroy());
        return true;
      }),
    );
    expect(uploads).toEqual(['PATCH chunked', 'PUT whole']);
  });

  it('G-33 goes afterwards where nothing of it is taken', async () => {
    const { uploads } = await through(
      'early/silent',
      atPatch(() => true),
      500,
    );
    expect(uploads[0]).toBe('PATCH chunked');
    expect(uploads.at(-1)).toBe('PUT whole');
  });

  it('G-34 a registry that has got other bytes is given them once more', async () => {
    let puts = 0;
    const { uploads } = await through('early/damaged', (request, response) => {
      if (request.method !== 'PUT' || request.url?.includes('/blobs/uploads/') !== true) return false;
      // The config goes whole, with a body.
      if (request.headers['content-length'] !== '0') return false;
      puts += 1;
      response.writeHead(400).end('{"errors":[{"code":"DIGEST_INVALID"}]}');
      return true;
    });
    expect(puts).toBe(1);
    expect(uploads).toEqual(['PATCH chunked', 'PUT whole']);
  });

  it('the bytes are the same as those that are packed first', async () => {
    const digests = await Promise.all(
      [
        () => false,
        atPatch((request, response) => (response.writeHead(411).end(), request.resume(), true)),
      ].map(async (intercept: Intercept, index) => {
        const { progress } = await through(`early/same-${index}`, intercept);
        return progress.at(-1)?.digest;
      }),
    );
    expect(new Set(digests).size).toBe(1);
    expect(digests[0]).not.toBe(digestOf(Buffer.from(large)));
  });

  it('INTERRUPTED leaves nothing waiting', async () => {
    const stop = new AbortController();
    await using proxy = await startFaultProxy(
      registry.host,
      atPatch(() => {
        stop.abort();
        return true;
      }),
    );
    await withStore(async (store) => {
      const name = `${proxy.host}/early/stopped:1`;
      await makeTinyImage(store, { name, layers: [{ large }] });
      await expect(pushImage(store, name, { retry, signal: stop.signal })).rejects.toMatchObject({
        code: 'INTERRUPTED',
      });
    });
  });
});
