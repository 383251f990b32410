import type { Digest } from '../../core/index.ts';
import {
  imagesOf,
  listImages,
  openImage,
  removeImage,
  type ImageRow,
  type RemovedImage,
} from '../../image/index.ts';
import { collectGarbage, DiskMeter, liveLeases, type Store } from '../../store/index.ts';
import { listContainers } from '../container/records.ts';
import { imageUse } from '../container/inspect.ts';
import { rootsOf } from '../live.ts';
import { forgetChains } from './companions.ts';
import { matchesLabel, type ImageFilter } from './image-filter.ts';

export interface ImagePruneOptions {
  /** Images with a name, too. */
  readonly all: boolean;
  readonly filter: ImageFilter;
}

export interface PrunedImages extends RemovedImage {
  /** On the disk; of layers that others still need, nothing. */
  readonly bytes: number;
}

/** `docker image prune`: removes images without a name, or all, that no container has. What the cache needs stays. */
export async function pruneImages(store: Store, { all, filter }: ImagePruneOptions): Promise<PrunedImages> {
  const began = Date.now();
  const used = new Set<string>(listContainers(store).map(({ image }) => image.id));
  const rows: ImageRow[] = [];
  for (const row of await listImages(store)) {
    if (used.has(row.id) || (!all && row.names.length > 0)) continue;
    if (await isMeant(store, row, filter)) rows.push(row);
  }
  const going = new Set(rows.map(({ id }) => id));
  const untagged: string[] = [];
  const deleted: Digest[] = [];
  const remove = async (image: string): Promise<void> => {
    const gone = await removeImage(store, image, { inUse: (id) => imageUse(store, id) });
    untagged.push(...gone.untagged);
    deleted.push(...gone.deleted);
  };
  for (const name of new Set(rows.flatMap(({ names }) => names))) {
    // A name of several platforms goes with the last of them.
    const target = (await store.refs.get(name))?.target;
    const members = target === undefined ? [] : await imagesOf(store, target);
    if (members.length > 0 && members.every(({ id }) => going.has(id))) await remove(name);
  }
  for (const { id, names } of rows) if (names.length === 0) await remove(id);
  const meter = new DiskMeter();
  let bytes = 0;
  await collectGarbage(store, {
    liveItems: rootsOf(store),
    onDelete: ({ trashed }) => void (bytes += meter.measure(trashed).bytes),
  });
  await forgetChains(store, Math.min(began, liveLeases(store).since ?? Infinity));
  return { untagged, deleted, bytes };
}

async function isMeant(store: Store, { manifest, created }: ImageRow, filter: ImageFilter): Promise<boolean> {
  // What has no date is as old as it can be.
  if (filter.until !== undefined && created !== undefined && Date.parse(created) >= filter.until)
    return false;
  if (filter.labels.length === 0) return true;
  const labels: Readonly<Record<string, string>> = await openImage(store, manifest).then(
    ({ config }) => config.config?.Labels ?? {},
    () => ({}),
  );
  return filter.labels.every((label) => matchesLabel(label, labels));
}
