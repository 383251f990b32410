import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A blob as a manifest names it. */
export interface BlobName {
  mediaType: string;
  digest: string;
  size: number;
}

/** A cache of a folder as its documents have it, to be changed. */
export interface CacheDocuments {
  config: {
    layers: { diffId: string; created?: string; blob?: number }[];
    parts: { scope: string; records: Record<string, unknown>[] }[];
  };
  manifest: { config: BlobName; layers: BlobName[] };
  /** Stores a blob, and names it. */
  readonly put: (bytes: Uint8Array | string, mediaType?: string) => BlobName;
  /** Where a blob's file is. */
  readonly path: (digest: string) => string;
}

/** Changes the cache of a folder and makes all digests right again: what a hostile source would give. */
export function changeCache(folder: string, change: (documents: CacheDocuments) => void): void {
  const path = (digest: string): string => join(folder, 'blobs/sha256', digest.slice('sha256:'.length));
  const put: CacheDocuments['put'] = (bytes, mediaType = 'application/vnd.oci.image.layer.v1.tar') => {
    const data = Buffer.from(bytes);
    const digest = `sha256:${createHash('sha256').update(data).digest('hex')}`;
    writeFileSync(path(digest), data);
    return { mediaType, digest, size: data.byteLength };
  };
  const read = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));
  const index = read(join(folder, 'index.json')) as { manifests: BlobName[] };
  const [entry] = index.manifests;
  if (entry === undefined) throw new Error('an empty cache');
  const manifest = read(path(entry.digest)) as CacheDocuments['manifest'];
  const config = read(path(manifest.config.digest)) as CacheDocuments['config'];
  const before = manifest.config;
  change({ config, manifest, put, path });
  // Unless the change has put a config of its own there.
  if (manifest.config === before)
    manifest.config = put(JSON.stringify(config), 'application/vnd.tsbuild.cache.config.v1+json');
  Object.assign(entry, put(JSON.stringify(manifest), entry.mediaType));
  writeFileSync(join(folder, 'index.json'), JSON.stringify(index));
}
