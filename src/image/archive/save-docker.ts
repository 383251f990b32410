import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import { digestParts } from '../../core/index.ts';
import type { Digest, Json } from '../../core/index.ts';
import { familiarName, mediaTypes } from '../../oci/index.ts';
import type { Descriptor } from '../../oci/index.ts';
import type { Store } from '../../store/types.ts';
import type { TarSink } from '../../tar/index.ts';
import { assembleManifest } from '../assemble.ts';
import type { Layer } from '../image.ts';
import { blobPath, createArchiveWriter, encode, writeLayoutDocuments } from './archive-writer.ts';
import type { ArchiveWriter } from './archive-writer.ts';
import type { NamedImage } from './save.ts';

/**
 * The form of `docker save` since version 25: manifest.json, which every engine's `load` reads, over blobs that are an OCI
 * layout too. Layers are plain, since not every engine unpacks them.
 */
export async function writeDockerArchive(
  store: Store,
  images: readonly NamedImage[],
  sink: TarSink,
): Promise<void> {
  const writer = createArchiveWriter(sink);
  const sizes = new Map<string, number>();
  const listed: { names: readonly string[]; manifest: Descriptor }[] = [];
  for (const { image, names } of images) {
    const layers: Descriptor[] = [];
    for (const layer of image.layers) {
      const size = sizes.get(layer.diffId) ?? (await writePlainLayer(store, writer, layer));
      sizes.set(layer.diffId, size);
      layers.push({ mediaType: mediaTypes.layer, digest: layer.diffId, size });
    }
    await writer.blob(image.manifest.config, image.rawConfig);
    const { rawManifest, descriptor } = assembleManifest(image.manifest.config, layers);
    await writer.blob(descriptor, rawManifest);
    listed.push({ names, manifest: descriptor });
  }
  await writeLayoutDocuments(writer, listed);
  await writeDockerDocuments(
    writer,
    images.map(({ image, names }) => ({
      id: image.id,
      names,
      layers: image.layers.map(({ diffId }) => diffId),
    })),
  );
  await writer.finish();
}

/** An image of a docker archive: its config, and the blobs of its layers, bottom first. */
export interface DockerArchiveEntry {
  readonly id: Digest;
  readonly names: readonly string[];
  readonly layers: readonly Digest[];
}

/** What makes a docker archive of an OCI layout. */
export async function writeDockerDocuments(
  writer: ArchiveWriter,
  images: readonly DockerArchiveEntry[],
): Promise<void> {
  await writer.document('manifest.json', encode(images.map(manifestEntry)));
  await writer.document('repositories', encode(repositories(images)));
}

/** Returns the size of the plain tar, which must be known before its first byte is written: unpacked aside, if need be. */
async function writePlainLayer(store: Store, writer: ArchiveWriter, layer: Layer): Promise<number> {
  const stat = await store.blobs.stat(layer.diffId);
  if (stat !== undefined) {
    await writer.blob({ digest: layer.diffId, size: stat.size }, await layer.open());
    return stat.size;
  }
  await using temp = await store.tempDir();
  const path = join(temp.path, digestParts(layer.diffId).hex);
  const plain = await layer.open();
  const file = createWriteStream(path, { flags: 'wx' });
  await pipeline(plain, file);
  await writer.blob({ digest: layer.diffId, size: file.bytesWritten }, createReadStream(path));
  await rm(path);
  return file.bytesWritten;
}

function manifestEntry({ id, names, layers }: DockerArchiveEntry): Json {
  return {
    Config: blobPath(id),
    RepoTags: names.length === 0 ? null : names.map(familiarName),
    Layers: layers.map(blobPath),
  };
}

/** The older index of names: repository, tag, topmost layer. */
function repositories(images: readonly DockerArchiveEntry[]): Json {
  const byRepository: Record<string, Record<string, string>> = {};
  for (const { id, names, layers } of images) {
    for (const name of names.map(familiarName)) {
      const colon = name.lastIndexOf(':');
      const tags = (byRepository[name.slice(0, colon)] ??= {});
      tags[name.slice(colon + 1)] = digestParts(layers.at(-1) ?? id).hex;
    }
  }
  return byRepository;
}
