import { statSync } from 'node:fs';

import { fromErrno, type Digest } from '../core/index.ts';
import { maxManifestBytes, parseManifestOrIndex } from '../oci/index.ts';
import { readIfThere } from './files.ts';
import { storePaths, type StorePaths } from './format.ts';
import { readLeases, type LeasedItem } from './leases.ts';
import { blobItem, listItems, openTrash, type Collected, type StoredItem } from './trash.ts';
import type { Store } from './types.ts';

const openBrace = '{'.charCodeAt(0);

export interface CollectOptions {
  /**
   * All that must stay beside refs and images: what records and containers need, all parents of a snapshot included. The
   * store does not know what records mean. Called twice.
   */
  readonly liveItems: () => AsyncIterable<LeasedItem> | Iterable<LeasedItem>;
  /** Told of each item right before it is deleted for good. */
  readonly onDelete?: ((item: StoredItem) => void) | undefined;
}

/**
 * Removes all blobs and snapshots that neither a ref, an image, a live lease nor `liveItems` needs. Any number of builders
 * may work meanwhile. They keep in a lease first and look at the store afterwards, so whoever saw an item before it was
 * moved to the trash had named it before that, too: reading leases and roots again after the move, in this order, finds
 * it, and the item is put back. Whoever looks after the move sees a miss. Nothing is deleted before the disk has all that
 * was written until then.
 */
export async function collectGarbage(store: Store, options: CollectOptions): Promise<Collected> {
  const paths = storePaths(store.root);
  await using _lock = await store.lock('collect');
  const trash = openTrash(paths);
  try {
    // What a collector that was killed had moved aside may be needed.
    trash.restore();
    const before = await mark(store, paths, options);
    for (const item of listItems(paths)) if (!before.keeps(item)) trash.take(item);
    const after = await mark(store, paths, options);
    trash.restore((item) => after.keeps(item));
    // A name may have got a new image a moment ago, or may have gone: were the old one taken from the disk before the disk
    // has that, a power loss would leave the name without either.
    if (trash.holdsAny()) await store.sync();
  } catch (error) {
    trash.restore();
    throw fromErrno(error, 'collecting garbage');
  }
  return trash.empty(options.onDelete);
}

interface Marks {
  keeps(item: StoredItem): boolean;
}

async function mark(store: Store, paths: StorePaths, options: CollectOptions): Promise<Marks> {
  // Leases first: one that ends after this was read has put what it kept below a root that is read now.
  const leases = readLeases(paths.leases);
  const live = new Set<string>(leases.snapshots);
  const keep = (digest: Digest): void => {
    if (live.has(digest)) return;
    live.add(digest);
    for (const child of childrenOf(paths, digest)) keep(child);
  };
  for (const digest of leases.blobs) keep(digest);
  for (const ref of await store.refs.list()) keep(ref.target.digest);
  for (const image of await store.images.list()) {
    keep(image.id);
    keep(image.manifest.digest);
    for (const { predicate } of image.attestations ?? []) keep(predicate);
  }
  for await (const item of options.liveItems()) {
    if ('blob' in item) keep(item.blob);
    else live.add(item.snapshot);
  }
  return { keeps: (item) => live.has(item.id) || isYounger(item, leases.since) };
}

/** What a blob names, if it is a manifest or an index. Read from the trash too, where the first pass may have put it. */
function childrenOf(paths: StorePaths, digest: Digest): readonly Digest[] {
  const { path, trashed } = blobItem(paths, digest);
  for (const place of [path, trashed]) {
    const size = statSync(place, { throwIfNoEntry: false })?.size;
    if (size === undefined || size > maxManifestBytes) continue;
    const bytes = readIfThere(place);
    if (bytes?.[0] !== openBrace) continue;
    try {
      const parsed = parseManifestOrIndex(bytes);
      const entries =
        parsed.kind === 'index'
          ? parsed.index.manifests
          : [parsed.manifest.config, ...parsed.manifest.layers];
      return entries.map((entry) => entry.digest);
    } catch {
      return [];
    }
  }
  return [];
}

/** The time of birth: moving to the trash and back does not change it. */
function isYounger(item: StoredItem, since: number | undefined): boolean {
  if (since === undefined) return false;
  const found = [item.path, item.trashed].map((path) => statSync(path, { throwIfNoEntry: false }));
  return found.some((stat) => stat !== undefined && Math.max(stat.birthtimeMs, stat.mtimeMs) >= since);
}
