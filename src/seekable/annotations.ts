import type { SeekableKind } from './types.ts';

/** Names of docs/estargz.md (stargz-snapshotter) and of pkg/chunked (containers/storage). */
export const annotationNames = {
  estargzToc: 'containerd.io/snapshot/stargz/toc.digest',
  estargzSize: 'io.containers.estargz.uncompressed-size',
  chunkedChecksum: 'io.github.containers.zstd-chunked.manifest-checksum',
  chunkedPosition: 'io.github.containers.zstd-chunked.manifest-position',
  chunkedTarSplit: 'io.github.containers.zstd-chunked.tarsplit-position',
} as const;

const names: readonly string[] = Object.values(annotationNames);

type Annotations = Readonly<Record<string, string>>;

/** Those without which nobody reads single files of the layer; undefined where there are none. */
export function seekableAnnotations(annotations: Annotations | undefined): Annotations | undefined {
  const kept = Object.entries(annotations ?? {}).filter(([name]) => names.includes(name));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

/** What kind of layer a descriptor says it is; undefined for an ordinary one. */
export function seekableKindOf(annotations: Annotations | undefined): SeekableKind | undefined {
  if (annotations?.[annotationNames.estargzToc] !== undefined) return 'estargz';
  return annotations?.[annotationNames.chunkedChecksum] === undefined ? undefined : 'zstd:chunked';
}
