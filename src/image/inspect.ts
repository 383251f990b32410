import type { Json } from '../core/index.ts';
import { familiarName, parseReference } from '../oci/index.ts';
import type { ImageRow } from './list.ts';
import { imageSize } from './list.ts';
import type { Image } from './image.ts';

/** The members of `docker image inspect` that do not depend on a daemon, in docker's names and order. */
export function inspectImage(image: Image, names: Pick<ImageRow, 'names' | 'repoDigests'>): Json {
  const { config } = image;
  return {
    Id: image.id,
    RepoTags: names.names.map(familiarName),
    RepoDigests: names.repoDigests.map((name) => familiarName(parseReference(name))),
    Comment: config.history?.at(-1)?.comment ?? '',
    Created: config.created ?? '',
    Author: config.author ?? '',
    Config: (config.config ?? {}) as Json,
    Architecture: config.architecture,
    Variant: config.variant,
    Os: config.os,
    Size: imageSize(image),
    RootFS: { Type: 'layers', Layers: image.layers.map((layer) => layer.diffId) },
    Metadata: {},
    Descriptor: {
      mediaType: image.descriptor.mediaType,
      digest: image.digest,
      size: image.descriptor.size,
    },
  };
}
