import type { Digest } from '../../core/index.ts';
import { maxManifestBytes, mediaTypes, parseManifestOrIndex } from '../../oci/index.ts';
import type { Descriptor, Index, Manifest } from '../../oci/index.ts';
import type { Store } from '../../store/types.ts';
import type { TarSink } from '../../tar/index.ts';
import { assembleManifest } from '../assemble.ts';
import type { Image } from '../image.ts';
import { assembleIndex } from '../index-image.ts';
import { createArchiveWriter, writeLayoutDocuments, type ArchiveWriter } from './archive-writer.ts';
import type { NamedImage, NamedIndex } from './save.ts';

/** An OCI layout in a tar. A Docker manifest, which does not belong into one, is written anew over the same config and layers. */
export async function writeOciArchive(
  store: Store,
  images: readonly (NamedImage | NamedIndex)[],
  sink: TarSink,
): Promise<void> {
  const writer = createArchiveWriter(sink);
  const written = new Map<Digest, Descriptor>();
  const listed: { names: readonly string[]; manifest: Descriptor }[] = [];
  for (const each of images) {
    const manifest =
      'index' in each
        ? await writeEntry({ store, writer, written }, each.index, 0)
        : await writeOciImage(writer, each.image);
    listed.push({ names: each.names, manifest });
  }
  await writeLayoutDocuments(writer, listed);
  await writer.finish();
}

async function writeOciImage(writer: ArchiveWriter, image: Image): Promise<Descriptor> {
  for (const layer of image.layers) {
    if (!writer.has(layer.descriptor)) await writer.blob(layer.descriptor, await layer.openCompressed());
  }
  await writer.blob(image.manifest.config, image.rawConfig);
  const { rawManifest, descriptor } = ociManifest(image);
  await writer.blob(descriptor, rawManifest);
  return descriptor;
}

interface Writing {
  readonly store: Store;
  readonly writer: ArchiveWriter;
  /** What is written, by the digest it had: one entry may be there many times. */
  readonly written: Map<Digest, Descriptor>;
}

/**
 * An index with all that its entries name, what they are besides images included, and the index after them. It stays
 * byte for byte unless a Docker list or manifest is in it. Returns the entry under which it stands now.
 */
async function writeEntry(writing: Writing, entry: Descriptor, depth: number): Promise<Descriptor> {
  const { store, written } = writing;
  let now = written.get(entry.digest);
  if (now === undefined) {
    const raw = await store.blobs.read(entry.digest, maxManifestBytes);
    const parsed = parseManifestOrIndex(raw, entry.mediaType);
    now =
      parsed.kind === 'manifest'
        ? await writeManifest(writing, entry, { raw, manifest: parsed.manifest })
        : await writeIndexEntry(writing, entry, { raw, index: parsed.index, depth });
    written.set(entry.digest, now);
  }
  const { mediaType, digest, size } = now;
  return { ...entry, mediaType, digest, size };
}

async function writeIndexEntry(
  writing: Writing,
  entry: Descriptor,
  { raw, index, depth }: { readonly raw: Uint8Array; readonly index: Index; readonly depth: number },
): Promise<Descriptor> {
  const entries: Descriptor[] = [];
  for (const each of index.manifests)
    entries.push(depth < 3 ? await writeEntry(writing, each, depth + 1) : each);
  const same = entries.every(({ digest }, at) => digest === index.manifests[at]?.digest);
  const own =
    same && entry.mediaType === mediaTypes.index
      ? { raw, descriptor: entry }
      : assembleIndex(entries, index.annotations);
  await writing.writer.blob(own.descriptor, own.raw);
  return own.descriptor;
}

async function writeManifest(
  { store, writer }: Writing,
  entry: Descriptor,
  { raw, manifest }: { readonly raw: Uint8Array; readonly manifest: Manifest },
): Promise<Descriptor> {
  for (const blob of [...manifest.layers, manifest.config]) {
    if (!writer.has(blob)) await writer.blob(blob, await store.blobs.open(blob.digest));
  }
  const own = ociManifest({ descriptor: entry, manifest, rawManifest: raw });
  await writer.blob(own.descriptor, own.rawManifest);
  return own.descriptor;
}

function ociManifest(
  image: Pick<Image, 'descriptor' | 'manifest' | 'rawManifest'>,
): Pick<Image, 'rawManifest' | 'descriptor'> {
  const { descriptor, manifest, rawManifest } = image;
  if (descriptor.mediaType === mediaTypes.manifest) return { descriptor, rawManifest };
  return assembleManifest(manifest.config, manifest.layers, manifest.annotations);
}
