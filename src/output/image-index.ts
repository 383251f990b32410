import { writeIndex } from '../image/index.ts';
import type { Descriptor } from '../oci/types.ts';
import type { Store } from '../store/index.ts';
import { annotationsOf } from './annotations.ts';
import type { BuiltImage, ImageShape } from './types.ts';

const createdAnnotation = 'org.opencontainers.image.created';

/**
 * The index of a build's images: one manifest for each platform, in the order asked for (O-30), with the annotations that
 * are for the index and its entries, and the time of SOURCE_DATE_EPOCH (O-54).
 */
export async function writeImageIndex(
  store: Store,
  images: readonly BuiltImage[],
  { annotations, epoch }: Pick<ImageShape, 'annotations' | 'epoch'>,
): Promise<Descriptor> {
  const entries = images.map(({ image, platform }) => ({
    manifest: image.descriptor,
    platform,
    annotations: annotationsOf(annotations, 'manifest-descriptor', platform),
  }));
  const created = epoch === undefined ? undefined : new Date(epoch * 1000).toISOString();
  return writeIndex(store, entries, {
    ...(created === undefined ? {} : { [createdAnnotation]: created.replace('.000Z', 'Z') }),
    ...annotationsOf(annotations, 'index'),
  });
}
