import { join } from 'node:path';

import { TsbuildError, type Digest } from '../core/index.ts';
import { layoutLock } from '../image/index.ts';
import { takeLock } from '../sys/index.ts';
import type { Descriptor } from '../oci/types.ts';
import type { OutgoingLayer } from '../registry/index.ts';
import { sameRecords, withBlobs } from './collect.ts';
import { CacheFolder } from './cache-folder.ts';
import type { ExportJob } from './export-registry.ts';
import { mergedCache } from './merge.ts';
import { outgoingLayers } from './outgoing.ts';
import type { CacheExport, CachePart } from './types.ts';

/**
 * Puts a part into a cache in a folder, under its lock: an OCI layout, in which other tools find it by its tag. What no
 * cache of the folder names any more goes, so that it never grows past what it is good for (B-10). Whatever the moment of a
 * kill, index.json names blobs that are there.
 */
export async function exportToFolder(
  spec: Extract<CacheExport, { kind: 'local' }>,
  job: ExportJob,
): Promise<void> {
  const { harvest, store, fetcher, options } = job;
  const folder = CacheFolder.open(spec.dest);
  const lock = await takeLock(join(spec.dest, layoutLock), { signal: options.signal });
  try {
    folder.sweep();
    const there = await earlierParts(folder, spec, job);
    const before = there.find(
      ({ scope, platform }) => scope === job.part.scope && platform === job.part.platform,
    );
    if (before !== undefined && sameRecords(before.records, harvest.records)) return;
    await using scratch = await store.tempDir();
    const layers = await outgoingLayers(harvest.places, {
      ...{ store, fetcher, folder: scratch.path },
      form: spec.form,
    });
    const blobs = new Map<Digest, Descriptor>();
    const diffIds = [...harvest.places.keys()];
    for (const [index, layer] of layers.entries()) {
      options.signal?.throwIfAborted();
      const diffId = diffIds[index];
      if (diffId !== undefined) blobs.set(diffId, await putLayer(folder, layer));
    }
    const part = { ...job.part, records: withBlobs(harvest.records, blobs) };
    const { encoded } = mergedCache(there, part);
    await folder.put(encoded.config.descriptor, [encoded.config.bytes]);
    await folder.name(spec.tag, encoded.manifest);
    folder.collect();
  } finally {
    lock.release();
  }
}

async function earlierParts(
  folder: CacheFolder,
  { tag, reset }: Pick<Extract<CacheExport, { kind: 'local' }>, 'tag' | 'reset'>,
  { warn }: ExportJob,
): Promise<readonly CachePart[]> {
  try {
    // Read even to be forgotten: an image of that tag is none of ours.
    const parts = await folder.parts(tag);
    return reset ? [] : parts;
  } catch (error) {
    if (!(error instanceof TsbuildError) || error.code === 'REFERENCE_INVALID') throw error;
    if (!reset) warn(`cache ${folder.path}: what was there is replaced: ${error.message}`);
    return [];
  }
}

async function putLayer(folder: CacheFolder, layer: OutgoingLayer): Promise<Descriptor> {
  if (layer.known !== undefined && folder.has(layer.known)) return layer.known;
  const { descriptor, source } = await layer.prepare();
  // A stream that nobody reads opens its file all the same, some time later.
  if (!folder.has(descriptor)) await folder.put(descriptor, source.read(0, source.size));
  return descriptor;
}
