import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { mediaTypes } from '../../src/oci/index.ts';
import { parseBuildContext } from '../../src/ops/index.ts';
import { openStore } from '../../src/store/index.ts';
import { buildTo } from '../support/build-to.ts';
import { headersOf, membersOf, openLayout } from '../support/read-archive.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

const dockerfile = 'FROM scratch\nCOPY a /dir/a\nCOPY --chown=5:6 b /b\nLABEL x=y\n';
const files = { a: 'one\n', b: 'two\n' };
const image = { dockerfile, files, buildArgs: new Map([['SOURCE_DATE_EPOCH', '1000000000']]) };

describe('archives of an image', () => {
  requires('root', 'overlay');

  it('O-02 O-40 O-39 an OCI layout in a tar, its new layers packed with gzip', async () => {
    const { folder, image: built } = await buildTo({
      ...image,
      tags: ['app:1'],
      to: ['type=oci,dest={}/a.tar'],
    });
    const { index, manifest, blobOf } = openLayout(await membersOf(join(folder, 'a.tar')));
    expect(index.manifests).toMatchObject([
      {
        mediaType: mediaTypes.manifest,
        annotations: {
          'org.opencontainers.image.ref.name': 'app:1',
          'io.containerd.image.name': 'docker.io/library/app:1',
        },
      },
    ]);
    expect(manifest).toMatchObject({ mediaType: mediaTypes.manifest, config: { digest: built.id } });
    expect(manifest.layers?.map(({ mediaType }) => mediaType)).toEqual([
      mediaTypes.layerGzip,
      mediaTypes.layerGzip,
    ]);
    const names = manifest.layers?.map(({ digest }) => headersOf(gunzipSync(blobOf(digest))));
    expect((await Promise.all(names ?? [])).flat().map(({ path }) => path)).toEqual(['dir', 'dir/a', 'b']);
  });

  it('O-02 O-40 a layout that is a folder takes image after image', async () => {
    const { path } = tempFolder('output');
    const to = ['type=oci,dest={}/layout,tar=false'];
    const second = { ...image, dockerfile: `${dockerfile}LABEL z=1\n`, tags: ['app:2'], to };
    // At once: neither takes the other's name away.
    await Promise.all([buildTo({ ...image, tags: ['app:1'], to }, path), buildTo(second, path)]);
    const moved = await buildTo(
      { ...image, dockerfile: `${dockerfile}LABEL z=2\n`, tags: ['app:1'], to },
      path,
    );
    const layout = join(path, 'layout');
    const { index } = openLayout(layout);
    const names = index.manifests?.map(
      ({ annotations }) => annotations?.['org.opencontainers.image.ref.name'],
    );
    expect(names).toEqual(['app:2', 'app:1']);
    expect(index.manifests?.[1]?.digest).toBe(moved.outputs[0]?.descriptor?.digest);
    expect(readdirSync(layout).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
    const blobs = join(layout, 'blobs/sha256');
    expect(readdirSync(blobs).every((name) => /^[0-9a-f]{64}$/.test(name))).toBe(true);
    // As after a power failure: what was cut off is written again.
    const [size, cut] = [moved.image.rawConfig.length, join(blobs, moved.image.id.slice(7))];
    writeFileSync(cut, '');
    const { root } = moved;
    await buildTo({ ...image, root, dockerfile: `${dockerfile}LABEL z=2\n`, tags: ['app:1'], to }, path);
    expect(statSync(cut).size).toBe(size);
  });

  it('O-02 a folder of something else is left alone', async () => {
    const { path } = tempFolder('output');
    mkdirSync(join(path, 'layout'));
    writeFileSync(join(path, 'layout/thesis.txt'), '');
    await expect(
      buildTo({ ...image, to: ['type=oci,dest={}/layout,tar=false'] }, path),
    ).rejects.toMatchObject({ code: 'IO_ERROR' });
    expect(readdirSync(join(path, 'layout'))).toEqual(['thesis.txt']);
  });

  it('O-03 a docker archive, its layers plain', async () => {
    const { folder, image: built } = await buildTo({
      ...image,
      tags: ['app:1', 'b'],
      to: ['type=docker,dest={}/d.tar'],
    });
    const members = await membersOf(join(folder, 'd.tar'));
    const blobs = built.layers.map(({ diffId }) => `blobs/${diffId.replace(':', '/')}`);
    expect(JSON.parse(members.get('manifest.json')?.toString() ?? '')).toEqual([
      { Config: `blobs/${built.id.replace(':', '/')}`, RepoTags: ['app:1', 'b:latest'], Layers: blobs },
    ]);
    expect(Object.keys(JSON.parse(members.get('repositories')?.toString() ?? '') as object)).toEqual([
      'app',
      'b',
    ]);
    expect(blobs.every((name) => members.has(name))).toBe(true);
  });

  it.each([
    ['compression=zstd', mediaTypes.layerZstd, zstdDecompressSync],
    ['compression=zstd,compression-level=19', mediaTypes.layerZstd, zstdDecompressSync],
    ['compression=gzip,compression-level=9', mediaTypes.layerGzip, gunzipSync],
    ['compression=uncompressed', mediaTypes.layer, (bytes: Buffer) => bytes],
    ['oci-mediatypes=false', mediaTypes.dockerLayerGzip, gunzipSync],
    ['oci-mediatypes=false,compression=zstd', mediaTypes.dockerLayerZstd, zstdDecompressSync],
    ['oci-mediatypes=false,compression=uncompressed', mediaTypes.dockerLayer, (bytes: Buffer) => bytes],
  ])('O-70 O-71 O-39 layers as asked for: %s', async (options, mediaType, unpack) => {
    const { folder, image: built } = await buildTo({ ...image, to: [`type=oci,dest={}/a.tar,${options}`] });
    const { manifest, blobOf } = openLayout(await membersOf(join(folder, 'a.tar')));
    expect(manifest.layers?.map((layer) => layer.mediaType)).toEqual([mediaType, mediaType]);
    const isDocker = options.startsWith('oci-mediatypes=false');
    expect(manifest.mediaType).toBe(isDocker ? mediaTypes.dockerManifest : mediaTypes.manifest);
    expect(manifest.config?.mediaType).toBe(isDocker ? mediaTypes.dockerConfig : mediaTypes.config);
    // Whatever they are packed with: they are the layers that the config names.
    const plain = await Promise.all(built.layers.map(async (layer) => (await layer.open()).toArray()));
    const stored = plain.map((chunks) => Buffer.concat(chunks as Buffer[]));
    expect(manifest.layers?.map(({ digest }) => Buffer.from(unpack(blobOf(digest))))).toEqual(stored);
  });

  it('O-70 force-compression packs the layers of the base, too', async () => {
    const { path } = tempFolder('output');
    await buildTo({ ...image, to: ['type=oci,dest={}/base,tar=false'], tags: ['base'] }, path);
    const derived = { dockerfile: `FROM base\nCOPY a /c\n`, files, buildArgs: image.buildArgs };
    const namedContexts = [parseBuildContext(`base=oci-layout://${path}/base`)];
    const typesOf = async (options: string): Promise<readonly (string | undefined)[]> => {
      await buildTo(
        { ...derived, namedContexts, to: [`type=oci,dest={}/c.tar,compression=zstd${options}`] },
        path,
      );
      const { manifest } = openLayout(await membersOf(join(path, 'c.tar')));
      return manifest.layers?.map(({ mediaType }) => mediaType) ?? [];
    };
    const { layerGzip, layerZstd } = mediaTypes;
    expect(await typesOf('')).toEqual([layerGzip, layerGzip, layerZstd]);
    expect(await typesOf(',force-compression=true')).toEqual([layerZstd, layerZstd, layerZstd]);
  });

  it('O-02 O-03 O-05 have the same bytes every time, whatever the store', async () => {
    const { path } = tempFolder('output');
    const to = ['type=oci,dest={}/N.oci', 'type=docker,dest={}/N.docker', 'type=tar,dest={}/N.tar'];
    const numbered = (n: number): string[] => to.map((text) => text.replace('N', String(n)));
    await buildTo({ ...image, tags: ['app'], to: numbered(1) }, path);
    await buildTo({ ...image, tags: ['app'], to: numbered(2) }, path);
    for (const kind of ['oci', 'docker', 'tar']) {
      const [one, two] = [1, 2].map((n) => readFileSync(join(path, `${n}.${kind}`)));
      // Files have the time they were copied at, and so their layers; the tar has that of SOURCE_DATE_EPOCH.
      if (kind === 'tar') expect(one?.equals(two ?? Buffer.of())).toBe(true);
      else expect(one?.length).toBe(two?.length);
    }
  });
});

describe('several platforms', () => {
  requires('root', 'overlay', 'tool:tar', 'tool:skopeo');
  const platforms = ['amd64', 'arm64'].map((architecture) => ({ os: 'linux', architecture }));
  const many = {
    ...image,
    dockerfile: `${dockerfile}ARG TARGETARCH\nCOPY --chmod=600 a /$TARGETARCH\n`,
    platforms,
  };

  it('O-30 O-02 are one index in an OCI layout, in the order asked for', async () => {
    const { folder, built } = await buildTo({
      ...many,
      tags: ['app:1'],
      to: ['type=oci,dest={}/a.tar', 'type=oci,dest={}/layout,tar=false'],
    });
    for (const from of [await membersOf(join(folder, 'a.tar')), join(folder, 'layout')]) {
      const { index, manifest: list, blobOf } = openLayout(from);
      expect(index.manifests).toMatchObject([{ mediaType: mediaTypes.index }]);
      expect(list.manifests).toMatchObject(platforms.map((platform) => ({ platform })));
      const ids = list.manifests?.map(
        ({ digest }) => JSON.parse(blobOf(digest).toString()) as { config: object },
      );
      expect(ids?.map(({ config }) => config)).toMatchObject(
        built.images.map((one) => ({ digest: one.image.id })),
      );
    }
    const inspect = ['skopeo', 'inspect', '--override-arch', 'arm64', '--config'];
    const config = JSON.parse(await runOk([...inspect, `oci:${folder}/layout:app:1`])) as object;
    expect(config).toMatchObject({ architecture: 'arm64' });
  });

  it('O-04 O-05 have a folder each', async () => {
    const { folder, stdout } = await buildTo({ ...many, to: ['{}/out', '-'] });
    const names = ['linux_amd64', 'linux_arm64'].flatMap((name) => [
      `${name}/${name.slice(6)}`,
      `${name}/b`,
      `${name}/dir/a`,
    ]);
    expect([...(await membersOf(stdout)).keys()]).toEqual(names);
    expect(names.every((name) => existsSync(join(folder, 'out', name)))).toBe(true);
    await buildTo({ ...many, to: ['type=local,dest={}/one,platform-split=false'] }, folder);
    expect(readdirSync(join(folder, 'one')).sort()).toEqual(['amd64', 'arm64', 'b', 'dir']);
  });

  it('O-04 O-82 in one folder for all, with mode=delete, none removes what another brought', async () => {
    const { path } = tempFolder('output');
    mkdirSync(join(path, 'one/old'), { recursive: true });
    const here = process.cwd();
    process.chdir(path);
    try {
      const to = ['type=local,dest=one,mode=delete,platform-split=false'];
      await buildTo({ ...many, to, attestations: { sbom: { filename: 's.json' } } }, path);
    } finally {
      process.chdir(here);
    }
    const said = ['s.linux_amd64.json', 's.linux_arm64.json'];
    expect(readdirSync(join(path, 'one')).sort()).toEqual(['amd64', 'arm64', 'b', 'dir', ...said]);
  });

  it('O-03 do not fit into a docker archive, which is told at once', async () => {
    for (const to of ['type=docker', 'type=docker,dest={}/d.tar']) {
      await expect(buildTo({ ...many, to: [to] })).rejects.toMatchObject({ code: 'USAGE' });
    }
  });
});

describe('the files of a result as a tar', () => {
  requires('root', 'overlay', 'tool:tar');

  it('O-05 O-55 have owners, modes and one time, names without ./', async () => {
    const { stdout } = await buildTo({ ...image, to: ['-'] });
    const file = join(tempFolder('tar').path, 't.tar');
    writeFileSync(file, stdout);
    const listing = await runOk(['tar', '--numeric-owner', '--utc', '--full-time', '-tvf', file]);
    expect(listing.split('\n').map((line) => line.replace(/ +/g, ' '))).toEqual([
      '-rw-r--r-- 5/6 4 2001-09-09 01:46:40 b',
      'drwxr-xr-x 0/0 0 2001-09-09 01:46:40 dir/',
      '-rw-r--r-- 0/0 4 2001-09-09 01:46:40 dir/a',
    ]);
  });
});

describe('several outputs of one build', () => {
  requires('root', 'overlay');

  it('O-07 O-06 are all written, and only an image output fills the store', async () => {
    const { folder, root, outputs, names } = await buildTo({
      ...image,
      tags: ['app'],
      to: ['type=cacheonly', '{}/out', 'type=oci,dest={}/a.tar', 'type=tar,dest={}/t.tar'],
    });
    expect(outputs.map(({ kind, place }) => [kind, place])).toEqual([
      ['cacheonly', undefined],
      ['local', `${folder}/out`],
      ['oci', `${folder}/a.tar`],
      ['tar', `${folder}/t.tar`],
    ]);
    expect(readdirSync(folder).sort()).toEqual(['a.tar', 'out', 't.tar']);
    await using store = await openStore(root);
    expect([await store.refs.list(), await store.images.list()]).toEqual([[], []]);
    expect(names).toEqual(['docker.io/library/app:latest']);
  });

  it.each([
    ['two to standard output', ['-', 'type=oci'], 'USAGE'],
    ['a file in a folder that is not there', ['type=oci,dest={}/no/a.tar'], 'IO_ERROR'],
    ['a file that is a folder', ['type=tar,dest={}'], 'IO_ERROR'],
    ['a folder that is a file', ['/etc/passwd'], 'IO_ERROR'],
    ['a push without a name', ['type=registry'], 'USAGE'],
    ['an annotation of an index', ['type=image,annotation-index.k=v'], 'USAGE'],
    ['a name that is none', ['type=oci,name=a b'], 'REFERENCE_INVALID'],
    ['a name with a digest', [`type=image,name=a@sha256:${'0'.repeat(64)}`], 'REFERENCE_INVALID'],
  ])('O-07 O-32 %s is told before anything is built', async (_what, to, code) => {
    const root = join(tempFolder('root').path, 'store');
    await expect(buildTo({ ...image, root, to })).rejects.toMatchObject({ code });
    expect(existsSync(root)).toBe(false);
  });

  it('O-02 a file that is there stays until the new one is whole; a device is written to as it is', async () => {
    const { path } = tempFolder('output');
    writeFileSync(join(path, 'a.tar'), 'old');
    symlinkSync('/dev/null', join(path, 'null'));
    await expect(
      buildTo(
        { ...image, dockerfile: 'FROM scratch\nCOPY missing /\n', to: ['type=oci,dest={}/a.tar'] },
        path,
      ),
    ).rejects.toMatchObject({ code: 'COPY_SOURCE_NOT_FOUND' });
    expect(readFileSync(join(path, 'a.tar'), 'utf8')).toBe('old');
    await buildTo({ ...image, to: ['type=oci,dest={}/a.tar', 'type=tar,dest={}/null'] }, path);
    expect(readdirSync(path).sort()).toEqual(['a.tar', 'null']);
    expect(readFileSync(join(path, 'a.tar')).length).toBeGreaterThan(1000);
  });
});
