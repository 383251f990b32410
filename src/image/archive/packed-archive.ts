import type { Descriptor } from '../../oci/types.ts';
import type { TarSink } from '../../tar/index.ts';
import type { PackedImage } from '../packed-image.ts';
import { createArchiveWriter, writeLayoutDocuments, type ArchiveWriter } from './archive-writer.ts';
import { writeDockerDocuments } from './save-docker.ts';

export interface PackedArchiveOptions {
  /** Full names. */
  readonly names: readonly string[];
  /** Of the image's entry in index.json. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** `docker`: manifest.json stands in it, too. */
  readonly format: 'docker' | 'oci';
}

/** One image as an OCI layout in a tar. The same image in the same form gives the same bytes. */
export async function writePackedArchive(
  packed: PackedImage,
  sink: TarSink,
  { names, annotations = {}, format }: PackedArchiveOptions,
): Promise<void> {
  const writer = createArchiveWriter(sink);
  const descriptor = await writePackedImage(writer, packed);
  await writeLayoutDocuments(writer, [{ names, manifest: annotated(descriptor, annotations) }]);
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
