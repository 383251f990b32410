import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import { listImages, loadArchive, saveArchive } from '../../src/image/index.ts';
import type { LoadedImage } from '../../src/image/index.ts';
import { parseImageConfig, validateImage } from '../../src/oci/index.ts';
import { hostDecompressor } from '../../src/ops/decompress.ts';
import type { Store } from '../../src/store/index.ts';
import { streamOf } from '../support/make-tar.ts';
import { requires } from '../support/requires.ts';
import { runCommand, runOk } from '../support/run-command.ts';
import { dockerEngine } from '../support/shared-engine.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTinyImage, type TinyImageOptions } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';

const app = 'docker.io/library/app:latest';

async function archiveOf(store: Store, names: readonly string[], format: 'docker' | 'oci'): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  await saveArchive(store, names, (chunk) => void chunks.push(Buffer.from(chunk)), { format });
  return Buffer.concat(chunks);
}

async function expectSound(store: Store, loaded: readonly LoadedImage[]): Promise<void> {
  for (const { image, names } of loaded) {
    expect(await validateImage(store.blobs, image.descriptor)).toEqual([]);
    for (const name of names) expect((await store.refs.get(name))?.target).toEqual(image.descriptor);
    expect(await store.images.get(image.id)).toMatchObject({ manifest: image.descriptor });
  }
}

const files = [{ 'etc/a': 'one\n' }, { 'etc/b': 'two\n' }];
const kinds: readonly TinyImageOptions[] = [
  {},
  { compression: 'gzip' },
  { compression: 'zstd' },
  { docker: true, compression: 'gzip' },
  { layers: [] },
  { layers: [{ same: '' }, { other: '' }, { same: '' }] },
];

describe.each(['docker', 'oci'] as const)('a %s archive of our own', (format) => {
  it.each(kinds)('C-73 S-55 S-58 comes back as the same image: %j', async (options) => {
    await withStore(async (store) => {
      const { id } = await makeTinyImage(store, { name: app, layers: files, ...options });
      const archive = await archiveOf(store, ['app'], format);
      await withStore(async (other) => {
        const loaded = await loadArchive(other, streamOf(archive, 1000));
        expect(loaded).toMatchObject([{ id, names: [app] }]);
        await expectSound(other, loaded);
      });
    });
  });

  it('C-73 has the same bytes from every store', async () => {
    const archives: Buffer[] = [];
    for (let n = 0; n < 2; n += 1) {
      await withStore(async (store) => {
        await makeTinyImage(store, { name: app, compression: 'gzip', layers: files });
        archives.push(await archiveOf(store, ['app'], format));
      });
    }
    expect(archives[0]).toEqual(archives[1]);
  });

  it('C-73 holds several images with several names, and one without', async () => {
    await withStore(async (store) => {
      const one = await makeTinyImage(store, { name: app, layers: files });
      const two = await makeTinyImage(store, { name: 'example.com/b/c:1', layers: [{ x: '' }] });
      const three = await makeTinyImage(store, { layers: [{ y: '' }] });
      await store.refs.set({ name: 'docker.io/library/app:2', target: one.manifest });
      const archive = await archiveOf(store, ['app', 'app:2', 'example.com/b/c:1', three.id], format);
      await withStore(async (other) => {
        await expectSound(other, await loadArchive(other, streamOf(archive)));
        const rows = (await listImages(other)).map(({ id, names }) => [id, names] as const);
        expect(new Map(rows)).toEqual(
          new Map<string, readonly string[]>([
            [one.id, ['docker.io/library/app:2', app]],
            [two.id, ['example.com/b/c:1']],
            [three.id, []],
          ]),
        );
      });
    });
  });

  it.each([
    ['gzip', async (bytes: Buffer) => gzipSync(bytes)],
    ['zstd', async (bytes: Buffer) => zstdCompressSync(bytes)],
    ['bzip2', async (bytes: Buffer) => (await runCommand(['bzip2'], { input: bytes })).stdoutBytes],
    ['xz', async (bytes: Buffer) => (await runCommand(['xz'], { input: bytes })).stdoutBytes],
  ])('C-73 may be compressed by %s, whatever its file is called', async (_name, pack) => {
    requires('tool:xz', 'tool:bzip2');
    await withStore(async (store) => {
      const { id } = await makeTinyImage(store, { name: app });
      using folder = tempFolder('archive');
      const file = join(folder.path, 'image.dat');
      writeFileSync(file, await pack(await archiveOf(store, ['app'], format)));
      await withStore(async (other) => {
        const loaded = await loadArchive(other, file, { foreign: hostDecompressor });
        expect(loaded).toMatchObject([{ id }]);
      });
    });
  });
});

it('C-73 a docker archive has the same bytes whether the store has the layers plain or compressed', async () => {
  const archives: Buffer[] = [];
  for (const compression of ['none', 'gzip', 'zstd'] as const) {
    await withStore(async (store) => {
      const { layers } = await makeTinyImage(store, { name: app, compression, layers: files });
      archives.push(await archiveOf(store, ['app'], 'docker'));
      if (compression !== 'none') expect(await store.blobs.stat(layers[0]!.diffId)).toBeUndefined();
    });
  }
  expect(archives[1]).toEqual(archives[0]);
  expect(archives[2]).toEqual(archives[0]);
});

it('C-73 an OCI archive keeps manifest and layers byte for byte', async () => {
  await withStore(async (store) => {
    const { manifest, layers } = await makeTinyImage(store, { name: app, compression: 'gzip' });
    const archive = await archiveOf(store, ['app'], 'oci');
    await withStore(async (other) => {
      const [loaded] = await loadArchive(other, streamOf(archive));
      expect(loaded!.image.descriptor).toEqual(manifest);
      expect(loaded!.image.manifest.layers).toEqual(layers.map((layer) => layer.descriptor));
    });
  });
});

it('C-73 says so when a layer is gone from the store', async () => {
  await withStore(async (store) => {
    const { layers } = await makeTinyImage(store, { name: app });
    await store.blobs.delete(layers[0]!.diffId);
    await expect(archiveOf(store, ['app'], 'docker')).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
    await expect(archiveOf(store, ['other'], 'docker')).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    await expect(archiveOf(store, [], 'docker')).rejects.toMatchObject({ code: 'USAGE' });
  });
});

describe('archives of and for skopeo', () => {
  requires('tool:skopeo');

  const transports = [
    ['docker-archive', 'app:latest'],
    ['oci-archive', 'app:latest'],
  ] as const;

  it.each(transports)('C-73 O-40 loads a %s that skopeo wrote', async (transport, name) => {
    await withStore(async (store) => {
      const { id } = await makeTinyImage(store, { name: app, compression: 'gzip', layers: files });
      using folder = tempFolder('skopeo');
      const file = join(folder.path, 'image.tar');
      await skopeo('copy', `oci:${store.layout}:app:latest`, `${transport}:${file}:${name}`);
      await withStore(async (other) => {
        const loaded = await loadArchive(other, file);
        expect(loaded).toMatchObject([{ id, names: [app] }]);
        await expectSound(other, loaded);
      });
    });
  });

  it.each([
    ['docker', 'docker-archive', app],
    ['docker', 'oci-archive', 'app:latest'],
    ['oci', 'oci-archive', 'app:latest'],
  ] as const)('C-73 skopeo reads our %s archive as %s', async (format, transport, name) => {
    await withStore(async (store) => {
      const { id, layers } = await makeTinyImage(store, { name: app, compression: 'gzip', layers: files });
      using folder = tempFolder('skopeo');
      const file = join(folder.path, 'image.tar');
      writeFileSync(file, await archiveOf(store, ['app'], format));
      const raw = await skopeo('inspect', '--config', '--raw', `${transport}:${file}:${name}`);
      expect(digestOf(raw)).toBe(id);
      const copy = join(folder.path, 'copy');
      await skopeo('copy', `${transport}:${file}:${name}`, `oci:${copy}:x`);
      expect(parseImageConfig(Buffer.from(raw)).rootfs.diff_ids).toEqual(layers.map((layer) => layer.diffId));
      expect(existsSync(join(copy, 'blobs/sha256', id.slice(7)))).toBe(true);
    });
  });
});

async function skopeo(...args: readonly string[]): Promise<string> {
  return (await runOkBytes(['skopeo', '--insecure-policy', ...args])).toString();
}

async function runOkBytes(argv: readonly string[]): Promise<Buffer> {
  const result = await runCommand(argv);
  if (result.status !== 0) throw new Error(`${argv.join(' ')}: ${result.stderr}`);
  return result.stdoutBytes;
}

describe('podman', () => {
  requires('tool:podman', 'root');

  it('C-73 loads our docker archive and our OCI archive', async () => {
    await withStore(async (store) => {
      const { id } = await makeTinyImage(store, { name: app, compression: 'gzip', layers: files });
      using folder = tempFolder('podman', { remove: true });
      const podman = ['podman', '--root', join(folder.path, 'root'), '--runroot', join(folder.path, 'run')];
      podman.push('--storage-driver', 'vfs');
      for (const format of ['docker', 'oci'] as const) {
        const file = join(folder.path, `${format}.tar`);
        writeFileSync(file, await archiveOf(store, ['app'], format));
        expect(await runOk([...podman, 'load', '-i', file])).toContain('app:latest');
        expect(await runOk([...podman, 'images', '--no-trunc', '-q'])).toContain(id);
        await runOk([...podman, 'rmi', '-f', id]);
      }
    });
  });
});

describe('docker', () => {
  requires('docker');

  it('C-73 docker load takes our archive, and we take what docker save makes of it', async () => {
    const docker = await dockerEngine();
    await withStore(async (store) => {
      const name = 'docker.io/library/tsbuild-archive-test:1';
      const layers = [{ same: 'x' }, { other: 'y' }, { same: 'x' }];
      const { id } = await makeTinyImage(store, { name, compression: 'gzip', layers });
      using folder = tempFolder('docker');
      const file = join(folder.path, 'ours.tar');
      writeFileSync(file, await archiveOf(store, ['tsbuild-archive-test:1'], 'docker'));
      expect(await docker.ok(['load', '-i', file])).toContain('tsbuild-archive-test:1');
      expect(await docker.inspect('tsbuild-archive-test:1')).toMatchObject({ Id: id });
      const theirs = join(folder.path, 'theirs.tar');
      await docker.ok(['save', '-o', theirs, 'tsbuild-archive-test:1']);
      await docker.ok(['rmi', 'tsbuild-archive-test:1']);
      await withStore(async (other) => {
        const loaded = await loadArchive(other, theirs);
        expect(loaded).toMatchObject([{ id, names: [name] }]);
        await expectSound(other, loaded);
      });
    });
  });
});
