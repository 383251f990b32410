import { mediaTypes } from '../oci/types.ts';
import type { Descriptor } from '../oci/types.ts';
import { seekableAnnotations } from '../seekable/index.ts';

export type LayerCompression = 'none' | 'gzip' | 'zstd';

interface LayerMedia {
  readonly oci: string;
  readonly docker: string;
  readonly compression: LayerCompression;
}

/**
 * Every layer media type this project reads, with its OCI name. Foreign and non-distributable layers keep being
 * marked as such, since their licence forbids pushing them (image-spec layer.md, checklist O-39).
 */
const layerMedia: ReadonlyMap<string, LayerMedia> = new Map([
  [mediaTypes.layer, { oci: mediaTypes.layer, docker: mediaTypes.dockerLayer, compression: 'none' }],
  [
    mediaTypes.layerGzip,
    { oci: mediaTypes.layerGzip, docker: mediaTypes.dockerLayerGzip, compression: 'gzip' },
  ],
  [
    mediaTypes.layerZstd,
    { oci: mediaTypes.layerZstd, docker: mediaTypes.dockerLayerZstd, compression: 'zstd' },
  ],
  [mediaTypes.dockerLayer, { oci: mediaTypes.layer, docker: mediaTypes.dockerLayer, compression: 'none' }],
  [
    mediaTypes.dockerLayerGzip,
    { oci: mediaTypes.layerGzip, docker: mediaTypes.dockerLayerGzip, compression: 'gzip' },
  ],
  [
    mediaTypes.dockerLayerZstd,
    { oci: mediaTypes.layerZstd, docker: mediaTypes.dockerLayerZstd, compression: 'zstd' },
  ],
  ...foreign('application/vnd.oci.image.layer.nondistributable.v1.tar', ['', '+gzip', '+zstd']),
  ...foreign('application/vnd.docker.image.rootfs.foreign.diff.tar', ['', '.gzip', '.zstd']),
]);

function foreign(base: string, suffixes: readonly string[]): [string, LayerMedia][] {
  const oci = 'application/vnd.oci.image.layer.nondistributable.v1.tar';
  const docker = 'application/vnd.docker.image.rootfs.foreign.diff.tar';
  const compressions = ['none', 'gzip', 'zstd'] as const;
  return compressions.map((compression, index) => [
    `${base}${suffixes[index] ?? ''}`,
    compression === 'none'
      ? { oci, docker, compression }
      : { oci: `${oci}+${compression}`, docker: `${docker}.${compression}`, compression },
  ]);
}

/** How the bytes of a layer of this media type are compressed; undefined when it is not a layer. */
export function compressionOf(mediaType: string): LayerCompression | undefined {
  return layerMedia.get(mediaType)?.compression;
}

export function layerMediaType(compression: LayerCompression): string {
  switch (compression) {
    case 'none':
      return mediaTypes.layer;
    case 'gzip':
      return mediaTypes.layerGzip;
    case 'zstd':
      return mediaTypes.layerZstd;
  }
}

/**
 * The layer's descriptor as an OCI manifest names it: OCI media type, no annotations but those that say how single files
 * of it are read.
 */
export function ociLayerDescriptor(descriptor: Descriptor): Descriptor {
  const annotations = seekableAnnotations(descriptor.annotations);
  const named = typed(descriptor, layerMedia.get(descriptor.mediaType)?.oci);
  return annotations === undefined ? named : { ...named, annotations };
}

/** The same as a Docker manifest names it. */
export function dockerLayerDescriptor(descriptor: Descriptor): Descriptor {
  return typed(descriptor, layerMedia.get(descriptor.mediaType)?.docker);
}

function typed({ mediaType, digest, size, urls }: Descriptor, type: string = mediaType): Descriptor {
  return urls === undefined || urls.length === 0
    ? { mediaType: type, digest, size }
    : { mediaType: type, digest, size, urls };
}
