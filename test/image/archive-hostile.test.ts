import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import type { ErrorCode } from '../../src/core/index.ts';
import { loadArchive } from '../../src/image/index.ts';
import { validateImage } from '../../src/oci/index.ts';
import { makeTar, streamOf, type TarSpec } from '../support/make-tar.ts';
import { tinyTar } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';
import { gzipSync } from 'node:zlib';

type Parts = Record<string, string | Uint8Array>;

const layer = tinyTar({ hello: 'hi\n' });
const hex = (bytes: string | Uint8Array): string => digestOf(bytes).slice('sha256:'.length);
const json = (value: unknown): string => JSON.stringify(value);

function configOf(diffIds: readonly string[]): string {
  return json({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: diffIds } });
}

const config = configOf([digestOf(layer)]);

/** A sound docker archive; `change` gives or takes members. */
function docker(change: Parts = {}): Parts {
  return {
    [`${hex(config)}.json`]: config,
    'l/layer.tar': layer,
    'manifest.json': json([{ Config: `${hex(config)}.json`, RepoTags: ['app:1'], Layers: ['l/layer.tar'] }]),
    ...change,
  };
}

const descriptor = (mediaType: string, bytes: string | Uint8Array) => ({
  mediaType,
  digest: digestOf(bytes),
  size: Buffer.byteLength(bytes),
});
const blob = (bytes: string | Uint8Array): Parts => ({ [`blobs/sha256/${hex(bytes)}`]: bytes });
const types = {
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
};
const manifest = json({
  schemaVersion: 2,
  mediaType: types.manifest,
  config: descriptor(types.config, config),
  layers: [descriptor(types.layer, layer)],
});

function indexOf(...entries: readonly object[]): string {
  return json({ schemaVersion: 2, mediaType: types.index, manifests: entries });
}

/** A sound OCI archive. */
function oci(change: Parts = {}): Parts {
  return {
    'oci-layout': json({ imageLayoutVersion: '1.0.0' }),
    ...blob(config),
    ...blob(layer),
    ...blob(manifest),
    'index.json': indexOf(descriptor(types.manifest, manifest)),
    ...change,
  };
}

const without = (parts: Parts, ...names: readonly string[]): Parts =>
  Object.fromEntries(Object.entries(parts).filter(([name]) => !names.includes(name)));

function tarOf(parts: Parts): Buffer {
  return makeTar(Object.entries(parts).map(([path, body]): TarSpec => ({ path, body })));
}

async function load(bytes: Uint8Array): Promise<readonly (readonly string[])[]> {
  return withStore(async (store) => {
    const loaded = await loadArchive(store, streamOf(bytes));
    for (const { image } of loaded) expect(await validateImage(store.blobs, image.descriptor)).toEqual([]);
    return loaded.map(({ names }) => names);
  });
}

describe('archives in unusual but sound forms', () => {
  const reversed = (parts: Parts): Parts => Object.fromEntries(Object.entries(parts).toReversed());
  const name = ['docker.io/library/app:1'];
  const cases: readonly (readonly [string, Buffer, (readonly string[])[]])[] = [
    ['documents first', tarOf(reversed(docker())), [name]],
    ['index.json first', tarOf(reversed(oci())), [[]]],
    [
      'names with ./',
      tarOf(Object.fromEntries(Object.entries(docker()).map(([k, v]) => [`./${k}`, v]))),
      [name],
    ],
    [
      'no end mark',
      makeTar(
        Object.entries(docker()).map(([path, body]) => ({ path, body })),
        { open: true },
      ),
      [name],
    ],
    ['a compressed layer', tarOf(docker({ 'l/layer.tar': gzipSync(layer) })), [name]],
    [
      'a layer that is a symbolic link to another',
      Buffer.concat([
        makeTar([{ path: 'l/layer.tar', type: 'symlink', link: '../m/layer.tar' }], { open: true }),
        tarOf({ ...without(docker(), 'l/layer.tar'), 'm/layer.tar': layer }),
      ]),
      [name],
    ],
    [
      'legacy files beside the layer',
      tarOf(docker({ [`${'a'.repeat(64)}/json`]: '{', [`${'a'.repeat(64)}/VERSION`]: '1.0' })),
      [name],
    ],
    [
      'no names',
      tarOf(
        docker({
          'manifest.json': json([{ Config: `${hex(config)}.json`, RepoTags: null, Layers: ['l/layer.tar'] }]),
        }),
      ),
      [[]],
    ],
    ['both forms in one', tarOf({ ...docker(), ...oci() }), [name]],
    ['an attestation beside the image', tarOf(oci(attested())), [[]]],
    ['an index within the index', tarOf(oci(nested())), [[]]],
    [
      'a full name in the annotation of containerd',
      tarOf(
        oci({
          'index.json': annotated({
            'io.containerd.image.name': 'example.com/a:1',
            'org.opencontainers.image.ref.name': '1',
          }),
        }),
      ),
      [['example.com/a:1']],
    ],
    [
      'a bare tag, which names nothing',
      tarOf(oci({ 'index.json': annotated({ 'org.opencontainers.image.ref.name': 'latest' }) })),
      [[]],
    ],
  ];

  function attested(): Parts {
    const statement = json({
      schemaVersion: 2,
      mediaType: types.manifest,
      config: descriptor(types.config, '{}'),
      layers: [],
    });
    const platform = { os: 'unknown', architecture: 'unknown' };
    const entry = { ...descriptor(types.manifest, statement), platform };
    return {
      ...blob(statement),
      ...blob('{}'),
      'index.json': indexOf(descriptor(types.manifest, manifest), entry),
    };
  }

  function nested(): Parts {
    const absent = {
      ...descriptor(types.manifest, 'not here'),
      platform: { os: 'linux', architecture: 's390x' },
    };
    const here = {
      ...descriptor(types.manifest, manifest),
      platform: { os: 'linux', architecture: 'amd64' },
    };
    const inner = indexOf(absent, here);
    return { ...blob(inner), 'index.json': indexOf(descriptor(types.index, inner)) };
  }

  function annotated(annotations: Record<string, string>): string {
    return indexOf({ ...descriptor(types.manifest, manifest), annotations });
  }

  it.each(cases)('C-73 loads one with %s', async (_name, bytes, names) => {
    expect(await load(bytes)).toEqual(names);
  });
});

describe('archives that are refused', () => {
  const other = tinyTar({ other: 'content\n' });
  const twoLayers = configOf([digestOf(layer), digestOf(other)]);
  const dockerManifest = (entry: object): Parts => docker({ 'manifest.json': json([entry]) });
  const longName = `${'a/'.repeat(4)}b`;
  const badLayer = json({
    schemaVersion: 2,
    config: descriptor(types.config, config),
    layers: [descriptor(types.layer, other)],
  });
  const wrongSize = json({
    schemaVersion: 2,
    config: { ...descriptor(types.config, config), size: 1 },
    layers: [descriptor(types.layer, layer)],
  });
  const ambiguous = json({
    schemaVersion: 2,
    layers: [],
    manifests: [],
    config: descriptor(types.config, config),
  });

  const cases: readonly (readonly [string, Uint8Array, ErrorCode])[] = [
    ['nothing at all', Buffer.alloc(0), 'ARCHIVE_INVALID'],
    ['text', Buffer.from('hello '.repeat(200)), 'ARCHIVE_INVALID'],
    ['a gzip of text', gzipSync('hello '.repeat(200)), 'ARCHIVE_INVALID'],
    ['a cut gzip', gzipSync(tarOf(docker())).subarray(0, 400), 'ARCHIVE_INVALID'],
    ['a cut tar', tarOf(docker()).subarray(0, 1700), 'ARCHIVE_INVALID'],
    ['a tar of other files', tarOf({ 'etc/passwd': 'root' }), 'ARCHIVE_INVALID'],
    ['the tar of a root file system', tarOf({ 'usr/share/doc/a/b/c': '' }), 'ARCHIVE_INVALID'],
    ['a device node', makeTar([{ path: 'dev/null', type: 'char' }]), 'ARCHIVE_INVALID'],
    ['deep paths', tarOf(docker({ [longName]: '' })), 'ARCHIVE_INVALID'],
    ['only the form before Docker 1.10', tarOf({ repositories: '{}' }), 'ARCHIVE_INVALID'],
    ['a manifest.json that is no JSON', tarOf(docker({ 'manifest.json': '[{' })), 'ARCHIVE_INVALID'],
    ['a manifest.json without images', tarOf(docker({ 'manifest.json': '[]' })), 'ARCHIVE_INVALID'],
    [
      'a manifest.json of another form',
      tarOf(docker({ 'manifest.json': '{"Config":1}' })),
      'ARCHIVE_INVALID',
    ],
    [
      'a manifest.json that is too large',
      tarOf(docker({ 'manifest.json': ' '.repeat(5 * 2 ** 20) })),
      'ARCHIVE_LIMIT',
    ],
    ['no config', tarOf(without(docker(), `${hex(config)}.json`)), 'ARCHIVE_INVALID'],
    ['no layer', tarOf(without(docker(), 'l/layer.tar')), 'ARCHIVE_INVALID'],
    ['another layer (S-58)', tarOf(docker({ 'l/layer.tar': other })), 'DIGEST_MISMATCH'],
    ['another layer, compressed', tarOf(docker({ 'l/layer.tar': gzipSync(other) })), 'DIGEST_MISMATCH'],
    [
      'another config than its name says',
      tarOf(docker({ [`${hex(config)}.json`]: twoLayers })),
      'DIGEST_MISMATCH',
    ],
    [
      'fewer layers than its config',
      tarOf(
        docker({
          'c.json': twoLayers,
          'manifest.json': json([{ Config: 'c.json', RepoTags: [], Layers: ['l/layer.tar'] }]),
        }),
      ),
      'ARCHIVE_INVALID',
    ],
    [
      'a malformed name',
      tarOf(dockerManifest({ Config: `${hex(config)}.json`, RepoTags: ['../A'], Layers: ['l/layer.tar'] })),
      'ARCHIVE_INVALID',
    ],
    [
      'a config outside of it',
      tarOf(dockerManifest({ Config: '/etc/passwd', RepoTags: [], Layers: [] })),
      'ARCHIVE_INVALID',
    ],
    [
      'a member twice',
      Buffer.concat([makeTar([{ path: 'l/layer.tar', body: other }], { open: true }), tarOf(docker())]),
      'ARCHIVE_INVALID',
    ],
    [
      'a link to itself',
      Buffer.concat([
        makeTar([{ path: 'l/layer.tar', type: 'symlink', link: 'layer.tar' }], { open: true }),
        tarOf(without(docker(), 'l/layer.tar')),
      ]),
      'ARCHIVE_INVALID',
    ],
    [
      'a link out of it',
      Buffer.concat([
        makeTar([{ path: 'l/layer.tar', type: 'symlink', link: '../../../etc/passwd' }], { open: true }),
        tarOf(without(docker(), 'l/layer.tar')),
      ]),
      'ARCHIVE_INVALID',
    ],
    [
      'a blob with another digest than its name (S-55)',
      tarOf(oci({ [`blobs/sha256/${hex(config)}`]: '{}' })),
      'DIGEST_MISMATCH',
    ],
    [
      'a digest that is a path (S-55)',
      tarOf(
        oci({
          'index.json': indexOf({ ...descriptor(types.manifest, ''), digest: 'sha256:../../etc/passwd' }),
        }),
      ),
      'ARCHIVE_INVALID',
    ],
    [
      'a layout of another version',
      tarOf(oci({ 'oci-layout': json({ imageLayoutVersion: '2.0.0' }) })),
      'ARCHIVE_INVALID',
    ],
    ['a layout without version', tarOf(oci({ 'oci-layout': '[]' })), 'ARCHIVE_INVALID'],
    ['an index without layout', tarOf(without(oci(), 'oci-layout')), 'ARCHIVE_INVALID'],
    ['no manifest', tarOf(without(oci(), `blobs/sha256/${hex(manifest)}`)), 'ARCHIVE_INVALID'],
    ['no blob of a layer', tarOf(without(oci(), `blobs/sha256/${hex(layer)}`)), 'ARCHIVE_INVALID'],
    [
      'a layer with another diff id',
      tarOf(
        oci({
          ...blob(badLayer),
          ...blob(other),
          'index.json': indexOf(descriptor(types.manifest, badLayer)),
        }),
      ),
      'DIGEST_MISMATCH',
    ],
    [
      'a config of another size',
      tarOf(oci({ ...blob(wrongSize), 'index.json': indexOf(descriptor(types.manifest, wrongSize)) })),
      'DIGEST_MISMATCH',
    ],
    [
      'a manifest that is an index too (S-54)',
      tarOf(oci({ ...blob(ambiguous), 'index.json': indexOf(descriptor(types.manifest, ambiguous)) })),
      'ARCHIVE_INVALID',
    ],
    [
      'an index called a manifest',
      tarOf(oci({ ...blob(indexOf()), 'index.json': indexOf(descriptor(types.manifest, indexOf())) })),
      'ARCHIVE_INVALID',
    ],
    ['an empty index', tarOf(oci({ 'index.json': indexOf() })), 'ARCHIVE_INVALID'],
    ['an index within an index, for ever', tarOf(oci(deep())), 'ARCHIVE_INVALID'],
  ];

  function deep(): Parts {
    let inner = indexOf();
    let parts: Parts = {};
    for (let depth = 0; depth < 6; depth += 1) {
      parts = { ...parts, ...blob(inner) };
      inner = indexOf({
        ...descriptor(types.index, inner),
        platform: { os: 'linux', architecture: 'amd64' },
      });
    }
    return { ...parts, 'index.json': inner };
  }

  it.each(cases)('S-55 S-58 C-73 refuses %s', async (_name, bytes, code) => {
    await withStore(async (store) => {
      await expect(loadArchive(store, streamOf(bytes))).rejects.toMatchObject({ code });
      expect(await store.refs.list()).toEqual([]);
      expect(await store.images.list()).toEqual([]);
    });
  });

  it('C-73 says what was expected', async () => {
    await withStore(async (store) => {
      const loading = loadArchive(store, streamOf(tarOf({ 'etc/passwd': 'root' })));
      await expect(loading).rejects.toThrow(
        /not an image archive: it has neither manifest\.json nor index\.json/,
      );
      await expect(loading).rejects.toMatchObject({
        hint: expect.stringMatching(/docker archive.*OCI archive.*import/) as string,
      });
    });
  });

  it('C-73 says which file does not exist', async () => {
    await withStore(async (store) => {
      await expect(loadArchive(store, '/nowhere/at/all.tar')).rejects.toMatchObject({ code: 'IO_ERROR' });
    });
  });
});
