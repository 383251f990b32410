import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import type { Digest } from '../../src/core/index.ts';
import { mediaTypes, validateImage, type Descriptor } from '../../src/oci/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTinyImage, tinyTar, type TinyImageOptions } from '../support/tiny-image.ts';

async function withStore(body: (store: Store) => Promise<void>): Promise<void> {
  using folder = tempFolder('validate');
  await using store = await openStore(folder.path);
  await body(store);
}

type JsonObject = Record<string, unknown>;

/** The image again with another manifest or config, all digests right: only what is claimed is wrong. */
async function remake(
  store: Store,
  image: Descriptor,
  change: {
    readonly manifest?: (manifest: JsonObject) => void;
    readonly config?: (config: JsonObject) => void;
  },
): Promise<Descriptor> {
  const load = async (digest: Digest) =>
    JSON.parse((await store.blobs.read(digest)).toString()) as JsonObject;
  const save = async (value: JsonObject) => store.blobs.put(Buffer.from(JSON.stringify(value)));
  const manifest = await load(image.digest);
  const descriptor = manifest['config'] as Descriptor;
  const config = await load(descriptor.digest);
  change.config?.(config);
  manifest['config'] = { ...descriptor, ...(await save(config)) };
  change.manifest?.(manifest);
  return { ...image, ...(await save(manifest)) };
}

const layersOf = (manifest: JsonObject): Record<string, unknown>[] =>
  manifest['layers'] as Record<string, unknown>[];
const diffIdsOf = (config: JsonObject): string[] => (config['rootfs'] as { diff_ids: string[] }).diff_ids;
const absent = `sha256:${'0'.repeat(64)}`;

describe('validateImage', () => {
  const sound: readonly TinyImageOptions[] = [
    {},
    { compression: 'gzip' },
    { compression: 'zstd' },
    { docker: true, compression: 'gzip' },
    { layers: [] },
    { layers: [{ a: '1' }, { b: '2' }, { a: '1' }] },
    { layers: [{}] },
  ];
  it.each(sound)('finds nothing in a sound image: %j', async (options) => {
    await withStore(async (store) => {
      expect(await validateImage(store.blobs, (await makeTinyImage(store, options)).manifest)).toEqual([]);
    });
  });

  it('finds nothing in a sound index, and everything in its images', async () => {
    await withStore(async (store) => {
      const amd64 = await makeTinyImage(store);
      const arm64 = await makeTinyImage(store, { platform: { os: 'linux', architecture: 'arm64' } });
      const index = async (manifests: readonly Descriptor[]): Promise<Descriptor> => ({
        mediaType: mediaTypes.index,
        ...(await store.blobs.put(
          Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests })),
        )),
      });
      const linux = (architecture: string) => ({ os: 'linux', architecture });
      const good = await index([
        { ...amd64.manifest, platform: linux('amd64') },
        { ...arm64.manifest, platform: linux('arm64') },
      ]);
      expect(await validateImage(store.blobs, good)).toEqual([]);
      const swapped = await index([{ ...arm64.manifest, platform: linux('amd64') }]);
      expect(await validateImage(store.blobs, swapped)).toEqual([
        'platform: descriptor=linux/amd64, config=linux/arm64',
      ]);
    });
  });

  it.each<[string, Parameters<typeof remake>[2], RegExp[]]>([
    [
      'a layer too few',
      { manifest: (m) => layersOf(m).pop() },
      [/layer count: .*=2, .*=1/, /history: .*=2, .*=1/],
    ],
    ['a diff id too few', { config: (c) => diffIdsOf(c).pop() }, [/layer count: .*=1, .*=2/]],
    [
      'swapped diff ids',
      { config: (c) => diffIdsOf(c).reverse() },
      [/layers\[0\].*diff_ids=sha256/, /layers\[1\].*diff_ids=sha256/],
    ],
    [
      'swapped layers',
      { manifest: (m) => layersOf(m).reverse() },
      [/layers\[0\].*diff_ids/, /layers\[1\].*diff_ids/],
    ],
    [
      'history too long',
      { config: (c) => (c['history'] as object[]).push({ created_by: 'x' }) },
      [/history: .*=3, .*=2/],
    ],
    [
      'a wrong layer size',
      { manifest: (m) => (layersOf(m)[0]!['size'] = 1) },
      [/layers\[0\].*descriptor\.size=1, size\(blob\)=\d+/],
    ],
    [
      'a missing layer',
      { manifest: (m) => (layersOf(m)[0]!['digest'] = absent) },
      [/layers\[0\].*blob cannot be read/, /layers\[0\].*none content cannot be read/],
    ],
    [
      'plain bytes called gzip',
      { manifest: (m) => (layersOf(m)[0]!['mediaType'] = mediaTypes.layerGzip) },
      [/layers\[0\].*gzip content cannot be read/],
    ],
    [
      'plain bytes called zstd',
      { manifest: (m) => (layersOf(m)[0]!['mediaType'] = mediaTypes.layerZstd) },
      [/layers\[0\].*zstd content cannot be read/],
    ],
    [
      'no type of a layer',
      { manifest: (m) => (layersOf(m)[1]!['mediaType'] = 'text/plain') },
      [/layers\[1\].*text\/plain is not the type of a layer/],
    ],
    [
      'Docker layers in an OCI manifest',
      { manifest: (m) => (layersOf(m)[0]!['mediaType'] = mediaTypes.dockerLayer) },
      [/media types: /],
    ],
    [
      'a config without an architecture',
      { config: (c) => delete c['architecture'] },
      [/config .*architecture/],
    ],
    ['an ambiguous manifest', { manifest: (m) => (m['manifests'] = []) }, [/both layers and manifests/]],
  ])('O-34 states %s as an equation', async (_name, change, expected) => {
    await withStore(async (store) => {
      const image = await makeTinyImage(store, { layers: [{ a: '1' }, { b: '22' }] });
      const faults = await validateImage(store.blobs, await remake(store, image.manifest, change));
      expect(faults).toHaveLength(expected.length);
      for (const [index, pattern] of expected.entries()) expect(faults[index]).toMatch(pattern);
    });
  });

  it('tells a descriptor that promises another size or type', async () => {
    await withStore(async (store) => {
      const { manifest } = await makeTinyImage(store);
      expect(await validateImage(store.blobs, { ...manifest, size: 7 })).toEqual([
        expect.stringMatching(/descriptor\.size=7, size\(blob\)=\d+/),
      ]);
      expect(await validateImage(store.blobs, { ...manifest, mediaType: mediaTypes.index })).toEqual([
        expect.stringContaining('was given as'),
      ]);
    });
  });

  it('S-55 hashes every blob itself, whatever its source says', async () => {
    await withStore(async (store) => {
      const image = await makeTinyImage(store);
      const lying = {
        open: async (digest: Digest) =>
          digest === image.layers[0]!.descriptor.digest
            ? (async function* () {
                yield tinyTar({ hello: 'ho\n' });
              })()
            : store.blobs.open(digest),
      };
      expect(await validateImage(lying, image.manifest)).toEqual([
        expect.stringMatching(/layers\[0\].*descriptor\.digest=sha256:\w+, digest\(blob\)=sha256:/),
        expect.stringMatching(/layers\[0\].*diff_ids=sha256:\w+, sha256\(uncompressed\)=sha256:/),
      ]);
    });
  });

  it('tells of a damaged blob in a store', async () => {
    await withStore(async (store) => {
      const image = await makeTinyImage(store);
      writeFileSync(store.blobs.path(image.id), '{}');
      expect(await validateImage(store.blobs, image.manifest)).toEqual([
        expect.stringMatching(/config .*blob cannot be read: .*damaged/),
      ]);
    });
  });
});
