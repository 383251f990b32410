import type { Digest } from '../../core/index.ts';
import {
  collectGarbage,
  DiskMeter,
  liveLeases,
  removeEmptyFolders,
  removeLocksOfTheDead,
  type Store,
} from '../../store/index.ts';
import { openSnapshotter } from '../../snapshot/index.ts';
import { diskSpace } from '../../sys/index.ts';
import { clearAfterDeaths } from '../after-deaths.ts';
import { rootsOf } from '../live.ts';
import { listContainers } from '../container/records.ts';
import { forgetWhatIsGone } from './companions.ts';
import { listImageNeeds } from './images.ts';
import { listKeptFolders, removeKeptFolder, type KeptFolder } from './kept-folders.ts';
import { matches, type PruneFilter } from './prune-filter.ts';
import { keepBytes, type SpaceLimits } from './space.ts';
import { listCachedSteps, type CachedStep } from './steps.ts';
import type { CacheType } from './step-text.ts';
import { rememberPruned } from './tombstones.ts';

export interface PruneOptions extends SpaceLimits {
  /** Steps, too, that an image of the store stands on. */
  readonly all?: boolean | undefined;
  readonly filter?: PruneFilter | undefined;
}

export interface PrunedEntry {
  readonly id: string;
  readonly type: CacheType;
  readonly text: string;
}

export interface PruneResult {
  readonly removed: readonly PrunedEntry[];
  /** On the disk; of files that others still need, nothing. */
  readonly bytes: number;
}

/**
 * Removes cached steps, cache mounts and sources, and what nothing in the store needs. Nothing that a running build, a
 * container or an image uses goes: its files stay even where the record of the step goes.
 */
export async function prune(store: Store, options: PruneOptions = {}): Promise<PruneResult> {
  await using _lock = await store.lock('prune');
  const now = Date.now();
  const chosen = await choose(store, options);
  const removed: PrunedEntry[] = [];
  let bytes = 0;
  // The reason goes first: killed between the two, a build says of a step that it was pruned, which it was to be.
  await rememberPruned(
    store,
    chosen.steps.map(({ partsDigest }) => partsDigest),
    now,
  );
  for (const step of chosen.steps) if (await forgetStep(store, step)) removed.push(step);
  for (const folder of chosen.folders) {
    const freed = await removeKeptFolder(store, folder);
    if (freed === undefined) continue;
    removed.push(folder);
    bytes += freed;
  }
  const meter = new DiskMeter();
  await collectGarbage(store, {
    liveItems: rootsOf(store),
    onDelete: ({ trashed }) => void (bytes += meter.measure(trashed).bytes),
  });
  const gone = new Set(chosen.steps);
  const left = chosen.all.filter((step) => !gone.has(step));
  await forgetWhatIsGone(store, { gone: chosen.steps, left, began: now });
  removeEmptyFolders(store);
  removeLocksOfTheDead(store);
  await clearAfterDeaths({ store, snapshotter: openSnapshotter(store.snapshots) });
  await store.refs.reindex();
  // Whoever makes a temporary folder removes those of the killed.
  await using _temporary = await store.tempDir();
  return { removed: removed.map(({ id, type, text }) => ({ id, type, text })), bytes };
}

/** False when it was used or made anew meanwhile, as far as can be told. */
async function forgetStep(store: Store, step: CachedStep): Promise<boolean> {
  let gone = true;
  for (const [key, version] of step.keys) {
    if ((await store.records.stat('results', key))?.version === version)
      await store.records.delete('results', key);
    else gone = false;
  }
  return gone;
}

interface Chosen {
  readonly steps: readonly CachedStep[];
  readonly folders: readonly KeptFolder[];
}

async function choose(
  store: Store,
  options: PruneOptions,
): Promise<Chosen & { readonly all: readonly CachedStep[] }> {
  const { filter = {}, all = false } = options;
  const leases = liveLeases(store);
  const images = await listImageNeeds(store);
  const ofImages = new Set(images.flatMap(({ chains }) => chains));
  const every = { steps: await listCachedSteps(store), folders: await listKeptFolders(store) };
  const isBusy = ({ used, snapshots, blobs }: CachedStep): boolean =>
    (leases.since !== undefined && used >= leases.since) ||
    snapshots.some((id) => leases.snapshots.has(id)) ||
    blobs.some((digest) => leases.blobs.has(digest));
  const isShared = ({ chainId }: CachedStep): boolean => chainId !== undefined && ofImages.has(chainId);
  const steps = every.steps.filter(
    (step) => matches(filter, step) && !isBusy(step) && (all || !isShared(step)),
  );
  const folders = every.folders.filter((folder) => matches(filter, folder) && !folder.inUse);
  if (!isLimited(options)) return { steps, folders, all: every.steps };

  const kept = new Set<string>(images.flatMap(({ snapshots, blobs }) => [...snapshots, ...blobs]));
  for (const { chain } of listContainers(store)) for (const id of chain) kept.add(id);
  const ledger = openLedger(store, every, kept);
  const keep = keepBytes(options, { used: ledger.total, ...diskSpace(store.root) });
  const chosen: { readonly steps: CachedStep[]; readonly folders: KeptFolder[] } = { steps: [], folders: [] };
  for (const entry of [...steps, ...folders].toSorted((one, other) => one.used - other.used)) {
    if (ledger.left() <= keep) break;
    if ('keys' in entry) chosen.steps.push(entry);
    else chosen.folders.push(entry);
    ledger.take(entry);
  }
  return { ...chosen, all: every.steps };
}

function isLimited({ reservedSpace, maxUsedSpace, minFreeSpace }: SpaceLimits): boolean {
  return reservedSpace !== undefined || maxUsedSpace !== undefined || minFreeSpace !== undefined;
}

interface Ledger {
  /** Bytes of the cache that nothing else needs. */
  readonly total: number;
  left(): number;
  take(entry: CachedStep | KeptFolder): void;
}

/** What comes free when entries go: files that several steps need, with the last of them. */
function openLedger(store: Store, { steps, folders }: Chosen, kept: ReadonlySet<string>): Ledger {
  const meter = new DiskMeter();
  const sizes = new Map<string, number>();
  const users = new Map<string, number>();
  const itemsOf = ({ snapshots, blobs }: CachedStep): readonly string[] =>
    [...new Set<string>([...snapshots, ...blobs])].filter((item) => !kept.has(item));
  for (const step of steps) {
    for (const item of itemsOf(step)) {
      users.set(item, (users.get(item) ?? 0) + 1);
      if (!sizes.has(item)) sizes.set(item, meter.measure(pathOf(store, item)).bytes);
    }
  }
  for (const { path } of folders) sizes.set(path, meter.measure(path).bytes);
  const total = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
  let left = total;
  const free = (item: string): void => void (left -= sizes.get(item) ?? 0);
  return {
    total,
    left: () => left,
    take(entry) {
      if (!('keys' in entry)) {
        free(entry.path);
        return;
      }
      for (const item of itemsOf(entry)) {
        const others = (users.get(item) ?? 0) - 1;
        users.set(item, others);
        if (others === 0) free(item);
      }
    },
  };
}

export function pathOf(store: Store, item: string): string {
  return item.includes(':') ? store.blobs.path(item as Digest) : `${store.snapshots}/${item}`;
}
