import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  findImage,
  imagesOf,
  listImages,
  nameTarget,
  pushImage,
  readIndex,
  tagImage,
  writeIndex,
} from '../../src/image/index.ts';
import { mediaTypes, parseIndex, parsePlatform } from '../../src/oci/index.ts';
import { pullImage } from '../../src/registry/index.ts';
import { makeAttestation } from '../support/attestation.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { runCommand } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTinyIndex } from '../support/tiny-index.ts';
import { withStore } from '../support/with-store.ts';

const platforms = ['linux/arm64', 'linux/amd64'];

describe('an index at a registry', () => {
  requires('tool:docker-registry', 'tool:skopeo');
  let registry: TestRegistry;

  beforeAll(async () => {
    using folder = tempFolder('registry');
    registry = await startRegistry(join(folder.path, 'r'));
  });
  afterAll(async () => registry[Symbol.asyncDispose]());

  const skopeo = async (...args: readonly string[]): Promise<string> => {
    const result = await runCommand(['skopeo', ...args]);
    expect(result.stderr).toBe('');
    return result.stdout;
  };
  const raw = (name: string) => skopeo('inspect', '--tls-verify=false', '--raw', `docker://${name}`);

  it('G-30 O-30 gets the images of all platforms, then the index; only parts that it lacks travel', async () => {
    await withStore(async (store) => {
      const name = `${registry.host}/team/multi:1`;
      const { images } = await makeTinyIndex(store, platforms, { name });
      const pushed = await pushImage(store, name);
      expect(pushed.transferred).toBeGreaterThan(0);
      expect(pushed.id).toBe(images.get('linux/amd64')?.id);
      const index = parseIndex(Buffer.from(await raw(name)));
      expect(index.manifests.map(({ platform }) => platform?.architecture)).toEqual(['arm64', 'amd64']);
      const { Digest: digest } = JSON.parse(
        await skopeo('inspect', '--tls-verify=false', `docker://${name}`),
      ) as { Digest: string };
      expect(pushed.manifest.digest).toBe(digest);
      expect(pushed.repoDigest).toBe(`${registry.host}/team/multi@${digest}`);
      for (const row of await listImages(store)) expect(row.repoDigests).toEqual([pushed.repoDigest]);
      expect(await pushImage(store, name)).toEqual({ ...pushed, transferred: 0 });
      // Layers of the store are plain, those of a registry packed; what an image is stays the same.
      for (const [text, { id }] of images) {
        const arch = text.split('/')[1] ?? '';
        const config = await skopeo(
          '--override-arch',
          arch,
          'inspect',
          '--tls-verify=false',
          '--config',
          '--raw',
          `docker://${name}`,
        );
        expect(config).toBe((await store.blobs.read(id)).toString());
      }
    });
  });

  it('G-30 goes by digest alone when asked, and leaves the tag', async () => {
    await withStore(async (store) => {
      const name = `${registry.host}/untagged:1`;
      await makeTinyIndex(store, platforms, { name, compression: 'gzip' });
      const pushed = await pushImage(store, name, { byDigest: true });
      expect(JSON.parse(await raw(`${registry.host}/untagged@${pushed.manifest.digest}`))).toBeDefined();
      const missing = await runCommand(['skopeo', 'inspect', '--tls-verify=false', `docker://${name}`]);
      expect(missing.status).not.toBe(0);
    });
  });

  it('C-73 O-30 is pulled whole and pushed on byte for byte, attestations included', async () => {
    const name = `${registry.host}/whole:1`;
    const pushed = await withStore(async (store) => {
      const { images } = await makeTinyIndex(store, platforms, { compression: 'gzip' });
      const entries = [...images].map(([text, { manifest }]) => ({
        manifest,
        platform: parsePlatform(text),
      }));
      const { platform, annotations, ...manifest } = await makeAttestation(store, entries[0]!.manifest);
      const index = await writeIndex(store, [...entries, { manifest, platform, annotations }]);
      await nameTarget(store, index, name);
      const { manifest: sent } = await pushImage(store, name);
      expect(sent).toEqual(index);
      return sent;
    });
    await withStore(async (store) => {
      const pulled = await pullImage(store, name, { allPlatforms: true });
      expect(pulled).toMatchObject({ name, digest: pushed.digest, config: { architecture: 'amd64' } });
      expect((await store.refs.get(name))?.target).toEqual(pushed);
      expect((await readIndex(store, pushed))?.index.manifests).toHaveLength(3);
      expect((await store.images.list()).map(({ repoDigests }) => repoDigests)).toEqual(
        platforms.map(() => [`${registry.host}/whole@${pushed.digest}`]),
      );
      for (const text of platforms)
        expect(await findImage(store, name, { platform: parsePlatform(text) })).toBeDefined();
      await tagImage(store, name, `${registry.host}/elsewhere:2`);
      const again = await pushImage(store, `${registry.host}/elsewhere:2`);
      expect(again.manifest).toEqual(pushed);
      expect(await raw(`${registry.host}/elsewhere:2`)).toBe(await raw(name));
    });
  });

  it('O-30 attestations stay behind where the image they are about is packed anew', async () => {
    await withStore(async (store) => {
      const name = `${registry.host}/packed:1`;
      const { images } = await makeTinyIndex(store, platforms);
      const entries = [...images].map(([text, { manifest }]) => ({
        manifest,
        platform: parsePlatform(text),
      }));
      const { platform, annotations, ...manifest } = await makeAttestation(store, entries[0]!.manifest);
      await nameTarget(
        store,
        await writeIndex(store, [{ manifest, platform, annotations }, ...entries]),
        name,
      );
      await pushImage(store, name);
      const types = parseIndex(Buffer.from(await raw(name))).manifests.map((entry) => entry.platform);
      expect(types).toEqual(platforms.map(parsePlatform));
    });
  });

  it('S-54 an index whose entry has another size than it says is refused, and gets no name', async () => {
    await withStore(async (store) => {
      const name = `${registry.host}/sizes:1`;
      const { descriptor } = await makeTinyIndex(store, platforms, { name, compression: 'gzip' });
      await pushImage(store, name);
      const index = (await readIndex(store, descriptor))!.index;
      const manifests = index.manifests.map((entry, at) => ({ ...entry, size: entry.size + at }));
      const body = JSON.stringify({ ...index, manifests });
      await registry.putManifest('sizes', '2', { mediaType: mediaTypes.index, body });
      await withStore(async (other) => {
        const pulling = pullImage(other, `${registry.host}/sizes:2`, { allPlatforms: true });
        await expect(pulling).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
        expect(await other.refs.list()).toEqual([]);
      });
      expect(await imagesOf(store, descriptor)).toHaveLength(2);
    });
  });
});
