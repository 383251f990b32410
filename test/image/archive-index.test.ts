import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import { findImage, loadArchive, readIndex, saveArchive, writeIndex } from '../../src/image/index.ts';
import { mediaTypes, parsePlatform, type Descriptor } from '../../src/oci/index.ts';
import type { Store } from '../../src/store/index.ts';
import { makeAttestation } from '../support/attestation.ts';
import { tinyTar, type TinyImage } from '../support/tiny-image.ts';
import { makeTinyIndex } from '../support/tiny-index.ts';
import { withStore } from '../support/with-store.ts';

const app = 'docker.io/library/app:latest';
const platforms = ['linux/arm64', 'linux/amd64'];

async function saved(store: Store, names: readonly string[], format: 'oci' | 'docker'): Promise<Buffer> {
  const parts: Buffer[] = [];
  await saveArchive(store, names, async (chunk) => void parts.push(Buffer.from(chunk)), { format });
  return Buffer.concat(parts);
}

async function* streamed(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

describe('an index in an archive', () => {
  it('C-73 O-30 goes through an OCI archive byte for byte, with all its images and what else it names', async () => {
    await withStore(async (from) => {
      const { images } = await makeTinyIndex(from, platforms, { name: app, compression: 'gzip' });
      const attestation = await makeAttestation(from, images.get('linux/arm64')!.manifest);
      const entries = [...images].map(([text, { manifest }]) => ({
        manifest,
        platform: parsePlatform(text),
      }));
      const { platform, annotations } = attestation;
      const index = await writeIndex(from, [...entries, { manifest: attestation, platform, annotations }]);
      await from.refs.set({ name: app, target: index });
      const archive = await saved(from, ['app'], 'oci');
      await withStore(async (to) => {
        const [loaded, ...others] = await loadArchive(to, streamed(archive));
        expect(others).toEqual([]);
        expect(loaded).toMatchObject({ id: images.get('linux/amd64')?.id, names: [app] });
        expect((await to.refs.get(app))?.target).toEqual(index);
        for (const [text, { id }] of images)
          expect(await findImage(to, 'app', { platform: parsePlatform(text) })).toMatchObject({ id });
        expect(await saved(to, ['app'], 'oci')).toEqual(archive);
      });
    });
  });

  it('C-73 gives the image for this machine to a docker archive', async () => {
    await withStore(async (from) => {
      const { images } = await makeTinyIndex(from, platforms, { name: app });
      const archive = await saved(from, ['app'], 'docker');
      await withStore(async (to) => {
        const loaded = await loadArchive(to, streamed(archive));
        expect(loaded.map(({ id, names }) => ({ id, names }))).toEqual([
          { id: images.get('linux/amd64')?.id, names: [app] },
        ]);
        expect((await to.refs.get(app))?.target.mediaType).toBe(mediaTypes.manifest);
      });
    });
  });

  it('C-73 makes an OCI index of a list of Docker’s', async () => {
    await withStore(async (from) => {
      const { images } = await makeTinyIndex(from, platforms, { docker: true });
      const manifests = [...images].map(([text, { manifest }]) => ({
        ...manifest,
        platform: parsePlatform(text),
      }));
      const list = { schemaVersion: 2, mediaType: mediaTypes.dockerList, manifests };
      const blob = await from.blobs.put(Buffer.from(JSON.stringify(list)));
      await from.refs.set({ name: app, target: { mediaType: mediaTypes.dockerList, ...blob } });
      const archive = await saved(from, ['app'], 'oci');
      await withStore(async (to) => {
        await loadArchive(to, streamed(archive));
        const target = (await to.refs.get(app))?.target;
        const index = target === undefined ? undefined : await readIndex(to, target);
        const types = index?.index.manifests.map(({ mediaType }) => mediaType);
        expect(types).toEqual([mediaTypes.manifest, mediaTypes.manifest]);
        for (const [text, { id }] of images)
          expect(await findImage(to, 'app', { platform: parsePlatform(text) })).toMatchObject({ id });
      });
    });
  });

  it('C-73 S-55 of an index that came without some of its images the one for this machine is taken', async () => {
    await withStore(async (from) => {
      const { images } = await makeTinyIndex(from, platforms);
      const entries = [...images].map(([text, { manifest }]) => ({
        ...manifest,
        platform: parsePlatform(text),
      }));
      const digest = digestOf('not here');
      const missing = { mediaType: mediaTypes.manifest, digest, size: 7, platform: parsePlatform('s390x') };
      const whole = await archiveOf(from, entries, images.values());
      const partial = await archiveOf(from, [...entries, missing], images.values());
      await withStore(async (to) => {
        await loadArchive(to, streamed(whole));
        expect((await to.refs.get(app))?.target.mediaType).toBe(mediaTypes.index);
      });
      await withStore(async (to) => {
        await loadArchive(to, streamed(partial));
        expect((await to.refs.get(app))?.target).toEqual(images.get('linux/amd64')?.manifest);
      });
    });
  });
});

/** An archive of these entries as an index, with the blobs of these images alone. */
async function archiveOf(
  store: Store,
  entries: readonly Descriptor[],
  images: Iterable<TinyImage>,
): Promise<Buffer> {
  const index = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: entries });
  const digest = digestOf(index);
  const path = (of: string): string => `blobs/${of.replace(':', '/')}`;
  const annotations = { 'io.containerd.image.name': app };
  const top = { mediaType: mediaTypes.index, digest, size: Buffer.byteLength(index), annotations };
  const files: Record<string, string> = {
    'oci-layout': '{"imageLayoutVersion":"1.0.0"}',
    'index.json': JSON.stringify({ schemaVersion: 2, manifests: [top] }),
    [path(digest)]: index,
  };
  for (const { id, manifest, layers } of images) {
    for (const each of [id, manifest.digest, ...layers.map((layer) => layer.descriptor.digest)])
      files[path(each)] = (await store.blobs.read(each)).toString();
  }
  return tinyTar(files);
}
