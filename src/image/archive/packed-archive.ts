import type { Descriptor } from '../../oci/types.ts';
import type { TarSink } from '../../tar/index.ts';
import { attestationEntry } from '../attestations/artifact.ts';
import type { Attestation } from '../attestations/types.ts';
import type { PackedImage, PackedIndex } from '../packed-image.ts';
import { createArchiveWriter, writeLayoutDocuments, type ArchiveWriter } from './archive-writer.ts';
import { writeDockerDocuments } from './save-docker.ts';

export interface PackedArchiveOptions {
  /** Full names. */
  readonly names: readonly string[];
  /** Of the entry of the image, or of the index, in index.json. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** What an archive is made of: an image, or several and their index. */
export interface PackedResult {
  readonly images: readonly AttestedImage[];
  readonly index: PackedIndex | undefined;
}

export interface AttestedImage {
  readonly packed: PackedImage;
  /** What is said of it. */
  readonly attestations: readonly Attestation[];
}

/**
 * A result as an OCI layout in a tar; of format `docker`, for which it must be one image, manifest.json stands in it, too.
 * The same images in the same form give the same bytes.
 */
export async function writePackedArchive(
  result: PackedResult,
  sink: TarSink,
  { names, annotations, format }: PackedArchiveOptions & { readonly format: 'docker' | 'oci' },
): Promise<void> {
  const writer = createArchiveWriter(sink);
  const { manifest, said } = await writeResult(writer, result, { names, annotations });
  await writeLayoutDocuments(writer, [
    { names, manifest },
    ...said.map((entry) => ({ names: [], manifest: entry })),
  ]);
  if (format === 'docker') {
    const entries = result.images.map(({ packed: { config, layers } }) => ({
      id: config.descriptor.digest,
      names,
      layers: layers.map(({ descriptor }) => descriptor.digest),
    }));
    await writeDockerDocuments(writer, entries);
  }
  await writer.finish();
}

type BlobWriter = Pick<ArchiveWriter, 'blob' | 'has'>;

/** All blobs, and what index.json is to name of them: `manifest` with the names, and what is `said` of the images. */
export async function writeResult(
  writer: BlobWriter,
  { images, index }: PackedResult,
  { names, annotations = {} }: PackedArchiveOptions,
): Promise<{ readonly manifest: Descriptor; readonly said: readonly Descriptor[] }> {
  const said: Descriptor[] = [];
  for (const { packed, attestations } of images) {
    await writePackedImage(writer, packed);
    said.push(...(await writeAttestations(writer, packed, { names, attestations })));
  }
  if (index !== undefined) await writer.blob(index.descriptor, index.bytes);
  const manifest = index?.descriptor ?? images[0]?.packed.descriptor;
  if (manifest === undefined) throw new Error('an archive of no image');
  return { manifest: annotated(manifest, annotations), said };
}

/** Layers, config and manifest, in the order in which they name each other. */
async function writePackedImage(
  writer: BlobWriter,
  { config, layers, descriptor, rawManifest }: PackedImage,
): Promise<void> {
  for (const layer of layers) {
    if (!writer.has(layer.descriptor)) await writer.blob(layer.descriptor, await layer.open());
  }
  await writer.blob(config.descriptor, config.bytes);
  await writer.blob(descriptor, rawManifest);
}

function annotated(descriptor: Descriptor, annotations: Readonly<Record<string, string>>): Descriptor {
  return Object.keys(annotations).length === 0 ? descriptor : { ...descriptor, annotations };
}

/** What is said of the image, as a manifest beside its own. Returns the entries of index.json for it. */
async function writeAttestations(
  writer: Pick<ArchiveWriter, 'blob'>,
  { image, descriptor }: PackedImage,
  {
    names,
    attestations,
  }: { readonly names: readonly string[]; readonly attestations: readonly Attestation[] },
): Promise<readonly Descriptor[]> {
  const said = attestationEntry(descriptor, { attestations, names, platform: image.config });
  if (said === undefined) return [];
  for (const blob of said.packed.blobs) await writer.blob(blob.descriptor, blob.bytes);
  await writer.blob(said.entry, said.packed.bytes);
  return [said.entry];
}
