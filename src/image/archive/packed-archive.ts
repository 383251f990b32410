import type { Descriptor } from '../../oci/types.ts';
import type { TarSink } from '../../tar/index.ts';
import { attestationEntry } from '../attestations/artifact.ts';
import type { Attestation } from '../attestations/types.ts';
import type { PackedImage } from '../packed-image.ts';
import { createArchiveWriter, writeLayoutDocuments, type ArchiveWriter } from './archive-writer.ts';
import { writeDockerDocuments } from './save-docker.ts';

export interface PackedArchiveOptions {
  /** Full names. */
  readonly names: readonly string[];
  /** Of the image's entry in index.json. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** What is said of the image. */
  readonly attestations?: readonly Attestation[] | undefined;
  /** `docker`: manifest.json stands in it, too. */
  readonly format: 'docker' | 'oci';
}

/** One image as an OCI layout in a tar. The same image in the same form gives the same bytes. */
export async function writePackedArchive(
  packed: PackedImage,
  sink: TarSink,
  { names, annotations = {}, attestations = [], format }: PackedArchiveOptions,
): Promise<void> {
  const writer = createArchiveWriter(sink);
  const descriptor = await writePackedImage(writer, packed);
  const said = await writeAttestations(writer, packed, { names, attestations });
  await writeLayoutDocuments(writer, [
    { names, manifest: annotated(descriptor, annotations) },
    ...said.map((manifest) => ({ names: [], manifest })),
  ]);
  if (format === 'docker') {
    const layers = packed.layers.map((layer) => layer.descriptor.digest);
    await writeDockerDocuments(writer, [{ id: packed.image.id, names, layers }]);
  }
  await writer.finish();
}

/** Layers, config and manifest, in the order in which they name each other. */
export async function writePackedImage(
  writer: Pick<ArchiveWriter, 'blob' | 'has'>,
  { image, layers, descriptor, rawManifest }: PackedImage,
): Promise<Descriptor> {
  for (const layer of layers) {
    if (!writer.has(layer.descriptor.digest)) await writer.blob(layer.descriptor, await layer.open());
  }
  await writer.blob(image.manifest.config, image.rawConfig);
  await writer.blob(descriptor, rawManifest);
  return descriptor;
}

export function annotated(descriptor: Descriptor, annotations: Readonly<Record<string, string>>): Descriptor {
  return Object.keys(annotations).length === 0 ? descriptor : { ...descriptor, annotations };
}

/** What is said of the image, as a manifest beside its own. Returns the entries of index.json for it. */
export async function writeAttestations(
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
