import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import { alignHistory, assembleImage, loadImage, writeImage } from '../../src/image/index.ts';
import type { ImageParts } from '../../src/image/index.ts';
import { mediaTypes, validateImage } from '../../src/oci/index.ts';
import type { HistoryEntry } from '../../src/oci/index.ts';
import { makeTinyImage } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';

const linux = { os: 'linux', architecture: 'amd64' } as const;
const created = '2024-05-06T07:08:09Z';
const minimal: ImageParts = { platform: linux, config: {}, history: [], layers: [], created };

function jsonOf(parts: ImageParts): { config: Record<string, unknown>; manifest: Record<string, unknown> } {
  const { rawConfig, rawManifest } = assembleImage(parts);
  const parse = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;
  return { config: parse(rawConfig), manifest: parse(rawManifest) };
}

describe('assembleImage', () => {
  it('gives the same bytes for the same parts, whatever the order of their members', () => {
    const one = assembleImage({ ...minimal, config: { User: 'a', WorkingDir: '/w' } });
    const two = assembleImage({ ...minimal, config: { WorkingDir: '/w', User: 'a' } });
    expect(two).toEqual(one);
    expect(one.id).toBe(digestOf(one.rawConfig));
    expect(one.descriptor.digest).toBe(digestOf(one.rawManifest));
  });

  it('writes what Docker writes and leaves out empty members of the config', () => {
    const { config } = jsonOf({
      ...minimal,
      author: 'someone',
      config: {
        User: '',
        Env: ['PATH=/bin', 'B=2', 'A=1'],
        Cmd: ['sh'],
        ArgsEscaped: true,
        Entrypoint: [],
        OnBuild: null,
        Volumes: {},
        Labels: { b: '1', a: '' },
        ExposedPorts: { '80/tcp': {} },
        Healthcheck: { Test: ['NONE'], Interval: undefined },
      },
    });
    expect(config).toEqual({
      architecture: 'amd64',
      os: 'linux',
      author: 'someone',
      created,
      config: {
        ArgsEscaped: true,
        Cmd: ['sh'],
        Env: ['PATH=/bin', 'B=2', 'A=1'],
        ExposedPorts: { '80/tcp': {} },
        Healthcheck: { Test: ['NONE'] },
        Labels: { a: '', b: '1' },
      },
      rootfs: { type: 'layers', diff_ids: [] },
    });
  });

  it('O-33 keeps members of a base config that no schema names, but never instead of its own', () => {
    const { config } = jsonOf({
      ...minimal,
      extra: { 'moby.buildkit.buildinfo.v1': 'x', os: 'windows' },
      config: { Unknown: 'kept' } as ImageParts['config'],
    });
    expect(config).toMatchObject({
      'moby.buildkit.buildinfo.v1': 'x',
      os: 'linux',
      config: { Unknown: 'kept' },
    });
  });

  it('O-31 names the variant where there is one', () => {
    expect(
      jsonOf({ ...minimal, platform: { os: 'linux', architecture: 'arm', variant: 'v7' } }).config,
    ).toMatchObject({
      architecture: 'arm',
      variant: 'v7',
    });
    expect(jsonOf(minimal).config).not.toHaveProperty('variant');
  });

  const digest = digestOf('layer');
  const foreign = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
  it.each([
    [mediaTypes.dockerLayer, mediaTypes.layer],
    [mediaTypes.dockerLayerGzip, mediaTypes.layerGzip],
    [mediaTypes.dockerLayerZstd, mediaTypes.layerZstd],
    [mediaTypes.layerGzip, mediaTypes.layerGzip],
    [foreign, 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip'],
    ['application/x-unheard-of', 'application/x-unheard-of'],
  ])('O-39 a layer of a base keeps its bytes; %s becomes %s', (from, to) => {
    const descriptor = { mediaType: from, digest, size: 7, annotations: { where: 'elsewhere' } };
    const { manifest } = jsonOf({ ...minimal, layers: [{ diffId: digestOf('plain'), descriptor }] });
    expect(manifest['layers']).toEqual([{ mediaType: to, digest, size: 7 }]);
  });

  it('O-41 puts annotations on the manifest', () => {
    const annotations = { 'org.opencontainers.image.title': 't' };
    expect(jsonOf({ ...minimal, annotations }).manifest).toMatchObject({ annotations });
    expect(jsonOf(minimal).manifest).not.toHaveProperty('annotations');
  });
});

describe('alignHistory', () => {
  const layer = (created_by: string): HistoryEntry => ({ created_by });
  const empty = (created_by: string): HistoryEntry => ({ created_by, empty_layer: true });
  const marks = (history: readonly HistoryEntry[]) =>
    history.map(({ created_by = '?', empty_layer }) =>
      empty_layer === true ? `(${created_by})` : created_by,
    );

  it.each<[string, HistoryEntry[], number, string[]]>([
    ['nothing', [], 0, []],
    ['what fits', [layer('a'), empty('b'), layer('c')], 2, ['a', '(b)', 'c']],
    ['no history at all', [], 2, ['?', '?']],
    ['a base without its entries', [empty('cmd'), layer('ours')], 3, ['?', '?', '(cmd)', 'ours']],
    ['a base with too many entries', [layer('a'), layer('b'), layer('ours')], 2, ['(a)', 'b', 'ours']],
  ])('O-34 has one entry a layer: %s', (_name, history, layers, expected) => {
    expect(marks(alignHistory(history, layers))).toEqual(expected);
  });
});

describe('writeImage', () => {
  it.each([{ docker: true, compression: 'gzip' }, { compression: 'zstd' }, {}] as const)(
    'O-34 O-39 S-58 builds a sound image on the layers of a base: %j',
    async (options) => {
      await withStore(async (store) => {
        const base = await makeTinyImage(store, options);
        const top = await makeTinyImage(store, { layers: [{ added: 'by us' }] });
        const image = await writeImage(store, {
          ...minimal,
          layers: [...base.layers, ...top.layers],
          history: [{ created, created_by: 'ours' }],
        });
        expect(await validateImage(store.blobs, image.descriptor)).toEqual([]);
        expect(await loadImage(store, image.descriptor)).toMatchObject({
          id: image.id,
          digest: image.digest,
        });
        expect(await store.images.get(image.id)).toMatchObject({
          manifest: image.descriptor,
          repoDigests: [],
        });
      });
    },
  );

  it('keeps the manifest of a registry for an image that is built here again', async () => {
    await withStore(async (store) => {
      const base = await makeTinyImage(store, { compression: 'gzip' });
      const image = await writeImage(store, { ...minimal, layers: base.layers });
      const repoDigests = [`example.com/x@${image.digest}`];
      await store.images.put({ id: image.id, manifest: image.descriptor, added: created, repoDigests });
      const [layer] = base.layers;
      const plain = { mediaType: mediaTypes.layer, digest: layer!.diffId, size: 2048 };
      const again = await writeImage(store, {
        ...minimal,
        layers: [{ diffId: layer!.diffId, descriptor: plain }],
      });
      expect(again.id).toBe(image.id);
      expect(again.digest).not.toBe(image.digest);
      expect(await store.images.get(image.id)).toEqual({
        id: image.id,
        manifest: image.descriptor,
        added: created,
        repoDigests,
      });
    });
  });
});
