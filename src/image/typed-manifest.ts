import { mediaTypes } from '../oci/types.ts';
import type { Descriptor, Manifest } from '../oci/types.ts';
import { dockerLayerDescriptor, ociLayerDescriptor } from './media.ts';

/** Two families of names for the same shapes. */
export type MediaTypeFamily = 'oci' | 'docker';

export function mediaTypesOf({ mediaType }: Pick<Descriptor, 'mediaType'>): MediaTypeFamily {
  return mediaType === mediaTypes.dockerManifest ? 'docker' : 'oci';
}

/** The manifest over layers as they are sent, with the names of one family. Docker's has no annotations (O-32). */
export function manifestAs(
  manifest: Manifest,
  layers: readonly Descriptor[],
  family: MediaTypeFamily,
): { readonly manifest: Manifest; readonly mediaType: string } {
  const isDocker = family === 'docker';
  const { annotations, config, ...rest } = manifest;
  const mediaType = isDocker ? mediaTypes.dockerManifest : mediaTypes.manifest;
  const configType = isDocker ? mediaTypes.dockerConfig : mediaTypes.config;
  return {
    mediaType,
    manifest: {
      ...rest,
      ...(isDocker ? {} : { annotations }),
      schemaVersion: 2,
      mediaType,
      config: { ...config, mediaType: configType },
      layers: layers.map(isDocker ? dockerLayerDescriptor : ociLayerDescriptor),
    },
  };
}
