import type { ServerResponse } from 'node:http';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { digestOf, digestParts } from '../../src/core/index.ts';
import { pushImage } from '../../src/image/index.ts';
import { parsePlatform } from '../../src/oci/index.ts';
import { baseResolver } from '../../src/ops/index.ts';
import { snapshotFromJson } from '../../src/ops/state-json.ts';
import { overlaySnapshotter } from '../../src/snapshot/index.ts';
import type { Store } from '../../src/store/index.ts';
import { pathOf } from '../../src/store/records.ts';
import { tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { startFaultProxy, type Intercept } from '../support/fault-proxy.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTinyImage, type TinyImage } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';

describe('the lowest layer of a base, unpacked while it arrives', () => {
  requires('root', 'overlay', 'tool:docker-registry');
  // Does not shrink, so that a cut in the middle is one.
  const content = Array.from({ length: 4000 }, (_, n) => digestOf(String(n))).join('\n');
  const images = new Map<string, TinyImage>();
  let registry: TestRegistry;
  let packed: Buffer;

  beforeAll(async () => {
    registry = await startRegistry(join(tempFolder('registry').path, 'r'));
    for (const compression of ['none', 'gzip', 'zstd'] as const) {
      await withStore(async (store) => {
        const name = `${registry.host}/team/base:${compression}`;
        const layers = [{ 'usr/big': content }, { upper: '' }];
        const image = await makeTinyImage(store, { name, compression, layers });
        const form = compression === 'none' ? ({ compression } as const) : undefined;
        await pushImage(store, name, { form });
        images.set(compression, image);
        if (compression === 'gzip') packed = await store.blobs.read(image.layers[0]!.descriptor.digest);
      });
    }
  });
  afterAll(async () => registry[Symbol.asyncDispose]());

  const isLowest = (url = ''): boolean => url.includes(images.get('gzip')!.layers[0]!.descriptor.digest);

  /** Takes the base through a proxy, and tells what was unpacked then. */
  async function unpacked(
    tag: string,
    intercept: Intercept = () => false,
    before?: (store: Store) => Promise<unknown>,
  ): Promise<{ readonly error: unknown; readonly text: string | undefined; readonly left: string[] }> {
    await using proxy = await startFaultProxy(registry.host, intercept);
    return await withStore(async (store) => {
      await before?.(store);
      const snapshotter = overlaySnapshotter(store.snapshots);
      const { signal } = new AbortController();
      const settings = { store, pull: false, signal, emit: () => undefined, exact: true };
      const resolve = baseResolver({ ...settings, bases: 'pull', snapshotter: () => snapshotter });
      const resolving = resolve(`${proxy.host}/team/base:${tag}`, parsePlatform('linux/amd64'));
      const error: unknown = await resolving.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      const { diffId } = images.get(tag)!.layers[0]!;
      const record = await store.records.get('chains', diffId.slice('sha256:'.length));
      const chain = typeof record === 'object' && record !== null && 'chain' in record && record['chain'];
      const snapshot = chain ? snapshotFromJson(chain) : undefined;
      const [folder = ''] = snapshot === undefined ? [] : snapshotter.lowers(snapshot);
      const text = folder === '' ? undefined : readFileSync(join(folder, 'usr/big'), 'latin1');
      const left = readdirSync(store.snapshots).filter(
        (name) => !name.startsWith('.') && name !== snapshot?.id,
      );
      return { error, text, left };
    });
  }

  it.each(['none', 'gzip', 'zstd'])('is there with the pull: %s', async (tag) => {
    expect(await unpacked(tag)).toEqual({ error: undefined, text: content, left: [] });
  });

  it('G-33 is there also where the line was cut in the middle', async () => {
    let cuts = 0;
    const cut = (response: ServerResponse): boolean => {
      response.writeHead(200, { 'content-length': packed.length });
      response.write(packed.subarray(0, packed.length / 2), () => response.destroy());
      return true;
    };
    const found = await unpacked('gzip', ({ url }, response) =>
      isLowest(url) && cuts++ === 0 ? cut(response) : false,
    );
    expect(found).toEqual({ error: undefined, text: content, left: [] });
    expect(cuts).toBeGreaterThan(1);
  });

  it.each([
    // The gzip's end names no file: the tar is right, the blob is not.
    [
      'has another digest',
      (): Buffer => Buffer.concat([packed.subarray(0, 4), Buffer.from('time'), packed.subarray(8)]),
    ],
    ['is damaged', (): Buffer => Buffer.from(packed.map((byte, n) => (n === 30_000 ? byte ^ 1 : byte)))],
    ['is longer than promised', (): Buffer => Buffer.concat([packed, packed])],
    ['is another file', (): Buffer => Buffer.alloc(packed.length)],
  ])('S-55 G-34 nothing of it stays that %s', async (_, bytes) => {
    const found = await unpacked('gzip', ({ url }, response) => {
      if (!isLowest(url)) return false;
      response.writeHead(200).end(bytes());
      return true;
    });
    const error = expect.objectContaining({ code: 'DIGEST_MISMATCH' }) as unknown;
    expect(found).toEqual({ error, text: undefined, left: [] });
  });

  it('S-55 nothing of it stays when it never comes whole', async () => {
    const found = await unpacked('gzip', ({ url }, response) => {
      if (!isLowest(url)) return false;
      response.writeHead(404).end();
      return true;
    });
    expect(found.error).toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    expect(found).toMatchObject({ text: undefined, left: [] });
  });

  it('is begun for a container, too, before the layers above it are there', async ({ signal }) => {
    const [lowest, upper] = images.get('gzip')!.layers;
    const root = tempFolder('root').path;
    const record = pathOf(join(root, 'records'), 'chains', digestParts(lowest!.diffId).hex);
    await using proxy = await startFaultProxy(registry.host, async ({ url = '' }) => {
      const isUpper = url.includes(upper!.descriptor.digest);
      while (isUpper && !existsSync(record) && !signal.aborted) await setTimeout(20);
      return false;
    });
    const image = `${proxy.host}/team/base:gzip`;
    expect(await tsbuild(root).ok(['create', image, 'true'])).toMatch(/^[0-9a-f]{64}$/);
    expect(existsSync(record)).toBe(true);
  });

  it('O-12 is not begun where a cache elsewhere may answer what stands on the base', async () => {
    const base = `${registry.host}/team/base:gzip`;
    const context = makeContext({
      Dockerfile: `FROM ${base} AS tools\nCOPY in /made\nFROM scratch\nCOPY --from=tools /made /made\n`,
      in: 'in',
    });
    const { hex } = digestParts(images.get('gzip')!.layers[0]!.diffId);
    const isUnpacked = (root: string): boolean => existsSync(pathOf(join(root, 'records'), 'chains', hex));
    const cache = join(tempFolder('cache').path, 'c');
    const [first, second] = [tsbuild(), tsbuild()];
    const made = await first.ok(['build', '-q', '--cache-to', `type=local,dest=${cache},mode=max`, context]);
    expect(isUnpacked(first.root)).toBe(true);
    expect(await second.ok(['build', '-q', '--cache-from', `type=local,src=${cache}`, context])).toBe(made);
    expect(isUnpacked(second.root)).toBe(false);
  });

  it('is left to another build that has its lock', async () => {
    const { diffId } = images.get('gzip')!.layers[0]!;
    const stack = new AsyncDisposableStack();
    await using _held = stack;
    const found = await unpacked('gzip', undefined, async (store) =>
      stack.use(await store.lock(`chain-${diffId.slice('sha256:'.length)}`)),
    );
    expect(found).toEqual({ error: undefined, text: undefined, left: [] });
  });
});
