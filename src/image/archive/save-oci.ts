import type { Store } from '../../store/types.ts';
import { mediaTypes } from '../../oci/index.ts';
import type { Descriptor } from '../../oci/index.ts';
import type { TarSink } from '../../tar/index.ts';
import { assembleManifest } from '../assemble.ts';
import type { Image } from '../image.ts';
import { createArchiveWriter, writeLayoutDocuments } from './archive-writer.ts';
import type { NamedImage } from './save.ts';

/** An OCI layout in a tar. A Docker manifest, which does not belong into one, is written anew over the same config and layers. */
export async function writeOciArchive(
  _store: Store,
  images: readonly NamedImage[],
  sink: TarSink,
): Promise<void> {
  const writer = createArchiveWriter(sink);
  const listed: { names: readonly string[]; manifest: Descriptor }[] = [];
  for (const { image, names } of images) {
    for (const layer of image.layers) {
      if (!writer.has(layer.descriptor.digest))
        await writer.blob(layer.descriptor, await layer.openCompressed());
    }
    await writer.blob(image.manifest.config, image.rawConfig);
    const { rawManifest, descriptor } = ociManifest(image);
    await writer.blob(descriptor, rawManifest);
    listed.push({ names, manifest: descriptor });
  }
  await writeLayoutDocuments(writer, listed);
  await writer.finish();
}

function ociManifest(image: Image): Pick<Image, 'rawManifest' | 'descriptor'> {
  const { descriptor, manifest, rawManifest } = image;
  if (descriptor.mediaType === mediaTypes.manifest) return { descriptor, rawManifest };
  return assembleManifest(manifest.config, manifest.layers, manifest.annotations);
}
