import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { DiskMeter, listItems, liveLeases, storePaths, type DiskUse, type Store } from '../../store/index.ts';
import { containerState, listContainers } from '../container/records.ts';
import { listVolumes, usesVolume } from '../volumes/volume-store.ts';
import { listImageNeeds } from './images.ts';
import { listKeptFolders, namesIn, type KeptFolder } from './kept-folders.ts';
import { listCachedSteps, type CachedStep } from './steps.ts';
import type { CacheType } from './step-text.ts';

/** One kind of what the store holds. Bytes are of the disk. */
export interface DuRow {
  readonly type:
    | 'Images'
    | 'Cached steps'
    | 'Cache mounts'
    | 'Sources'
    | 'Containers'
    | 'Volumes'
    | 'Temporary'
    | 'Bookkeeping';
  readonly count: number;
  /** Of them, those that something needs. */
  readonly active: number;
  /** Of all files that they need. */
  readonly size: number;
  /** Of those that rows above need, too, and count already. */
  readonly shared: number;
  /** What comes free when all of them that are not in use go, and nothing else. */
  readonly reclaimable: number;
  /** Milliseconds since the epoch; 0 when that is not known. */
  readonly used: number;
}

/** One thing that `prune` may remove. */
export interface DuEntry {
  readonly id: string;
  readonly type: CacheType;
  readonly text: string;
  /** ISO 8601; empty when that is not known. */
  readonly created: string;
  readonly used: number;
  /** Of the files that it adds to those of the steps it stands on. */
  readonly size: number;
  /** Whether an image or a container needs the same files. */
  readonly shared: boolean;
  readonly inUse: boolean;
}

export interface DiskReport {
  readonly rows: readonly DuRow[];
  /** Most recently used first. */
  readonly entries: readonly DuEntry[];
  /** Of the whole store, each file once. */
  readonly total: number;
}

/** What the store holds. Nothing is locked: what comes and goes meanwhile may be in it or not. */
export async function duOf(store: Store): Promise<DiskReport> {
  const meter = new DiskMeter();
  const paths = storePaths(store.root);
  const measured = new Map<string, DiskUse>();
  const measure = (path: string): DiskUse => {
    const known = measured.get(path) ?? meter.measure(path);
    measured.set(path, known);
    return known;
  };
  const sizes = new Map<string, number>();
  for (const item of listItems(paths)) sizes.set(item.id, measure(item.path).bytes);
  const sizeOf = (items: Iterable<string>): number => sum([...items].map((item) => sizes.get(item) ?? 0));

  const leases = liveLeases(store);
  const images = await listImageNeeds(store);
  const containers = listContainers(store);
  const steps = await listCachedSteps(store);
  const folders = await listKeptFolders(store);
  const needed = {
    images: new Set<string>(images.flatMap(({ blobs, snapshots }) => [...blobs, ...snapshots])),
    steps: new Set<string>(steps.flatMap(itemsOf)),
    containers: new Set<string>(containers.flatMap(({ chain }) => chain)),
    leased: new Set<string>([...leases.blobs, ...leases.snapshots]),
  };
  const isElsewhere = (own: keyof typeof needed, item: string): boolean =>
    Object.entries(needed).some(([name, items]) => name !== own && items.has(item));
  const usedImages = new Set<string>(containers.map(({ image }) => image.id));
  const inUse = (step: CachedStep): boolean => itemsOf(step).some((item) => needed.leased.has(item));

  const imageRow: DuRow = {
    type: 'Images',
    count: images.length,
    active: images.filter(({ id }) => usedImages.has(id)).length,
    size:
      sizeOf(needed.images) + sum([paths.refs, paths.images, paths.index].map((path) => measure(path).bytes)),
    shared: 0,
    reclaimable: sizeOf(
      new Set(
        images
          .filter(({ id }) => !usedImages.has(id))
          .flatMap(({ blobs, snapshots }): readonly string[] => [...blobs, ...snapshots])
          .filter((item) => !isElsewhere('images', item)),
      ),
    ),
    used: 0,
  };
  const stepRow: DuRow = {
    type: 'Cached steps',
    count: steps.length,
    active: steps.filter(inUse).length,
    size: sizeOf(needed.steps) + measure(paths.records).bytes,
    shared: sizeOf([...needed.steps].filter((item) => needed.images.has(item))),
    reclaimable: sizeOf([...needed.steps].filter((item) => !isElsewhere('steps', item))),
    used: steps.reduce((newest, { used }) => Math.max(newest, used), 0),
  };
  const folderRow = (type: DuRow['type'], own: readonly KeptFolder[], at: readonly string[]): DuRow => {
    // Each first: files with several names count where they are met first.
    const free = sum(own.filter((folder) => !folder.inUse).map(({ path }) => measure(path).bytes));
    const busy = sum(own.filter((folder) => folder.inUse).map(({ path }) => measure(path).bytes));
    const rest = sum(at.map((path) => shellOf(path, own)));
    return {
      type,
      count: own.length,
      active: own.filter((folder) => folder.inUse).length,
      size: free + busy + rest,
      shared: 0,
      reclaimable: free,
      used: Math.max(0, ...own.map(({ used }) => used)),
    };
  };
  /** A folder without those of its files and folders that count by themselves. */
  const shellOf = (path: string, own: readonly KeptFolder[]): number => {
    const counted = new Set(own.map((folder) => folder.path));
    const walk = (at: string): number => {
      if (counted.has(at)) return 0;
      if (![...counted].some((each) => each.startsWith(`${at}/`))) return measure(at).bytes;
      return meter.measureAlone(at).bytes + sum(namesIn(at).map((name) => walk(join(at, name))));
    };
    return walk(path);
  };

  const states = await Promise.all(containers.map(({ id }) => containerState(store, id)));
  const runs = (index: number): boolean =>
    ['running', 'paused', 'restarting'].includes(states[index]?.status ?? '');
  const containerRow: DuRow = {
    type: 'Containers',
    count: containers.length,
    active: containers.filter((_, index) => runs(index)).length,
    size: measureBelow(paths.containers, measure, meter),
    shared: 0,
    reclaimable: sum(
      containers.map(({ id }, index) => (runs(index) ? 0 : measure(join(paths.containers, id)).bytes)),
    ),
    used: 0,
  };
  const volumesAt = join(store.root, 'volumes');
  const volumes = listVolumes(store);
  const isUsed = (name: string): boolean => containers.some((record) => usesVolume(record, name));
  const volumeRow: DuRow = {
    type: 'Volumes',
    count: volumes.length,
    active: volumes.filter(({ name }) => isUsed(name)).length,
    size: measureBelow(volumesAt, measure, meter),
    shared: 0,
    reclaimable: sum(volumes.map(({ name }) => (isUsed(name) ? 0 : measure(join(volumesAt, name)).bytes))),
    used: 0,
  };
  const ownerless = [...sizes.keys()].filter((item) =>
    Object.values(needed).every((items) => !items.has(item)),
  );
  const onlyLeased = [...sizes.keys()].filter(
    (item) => needed.leased.has(item) && !isElsewhere('leased', item),
  );
  const containersOnly = [...needed.containers].filter(
    (item) => !needed.images.has(item) && !needed.steps.has(item),
  );
  const temporary = measure(paths.trash).bytes + measure(paths.tmp).bytes;
  const temporaryRow: DuRow = {
    type: 'Temporary',
    count: ownerless.length + onlyLeased.length,
    active: onlyLeased.length,
    size: sizeOf(ownerless) + sizeOf(onlyLeased) + temporary,
    shared: 0,
    reclaimable: sizeOf(ownerless),
    used: 0,
  };
  const rows: readonly DuRow[] = [
    imageRow,
    stepRow,
    folderRow('Cache mounts', ofType(folders, 'exec.cachemount'), [join(store.root, 'cache-mounts')]),
    folderRow('Sources', ofType(folders, 'source.'), [
      join(store.root, 'git'),
      join(store.root, 'downloads'),
    ]),
    { ...containerRow, size: containerRow.size + sizeOf(containersOnly) },
    volumeRow,
    temporaryRow,
  ];
  const bookkeeping = restOf(store, measure, meter);
  return {
    rows: [
      ...rows,
      { type: 'Bookkeeping', count: 0, active: 0, size: bookkeeping, shared: 0, reclaimable: 0, used: 0 },
    ],
    entries: entriesOf(steps, folders, {
      sizeOf: (item) => sizes.get(item) ?? measure(item).bytes,
      isShared: (item) => needed.images.has(item) || needed.containers.has(item),
      inUse,
    }),
    total: sum(rows.map(({ size, shared }) => size - shared)) + bookkeeping,
  };
}

/** Files and folders that no row above counts: folders that hold what others count, locks, leases, mount points. */
function restOf(store: Store, measure: (path: string) => DiskUse, meter: DiskMeter): number {
  const paths = storePaths(store.root);
  const elsewhere = new Set([
    ...['cache-mounts', 'git', 'downloads', 'volumes'].map((name) => join(store.root, name)),
    ...[paths.refs, paths.images, paths.index, paths.records, paths.containers, paths.trash, paths.tmp],
    ...[...listItems(paths)].map(({ path }) => path),
  ]);
  const open = new Set([store.root, paths.layout, paths.blobs, paths.snapshots]);
  const walk = (path: string): number => {
    if (elsewhere.has(path)) return 0;
    const isOpen = open.has(path) || path.startsWith(`${paths.blobs}/`);
    if (!isOpen) return measure(path).bytes;
    return meter.measureAlone(path).bytes + sum(childrenOf(path).map(walk));
  };
  return walk(store.root);
}

function childrenOf(path: string): readonly string[] {
  try {
    return readdirSync(path).map((name) => join(path, name));
  } catch {
    // A file.
    return [];
  }
}

/** A folder whose parts are measured one by one. */
function measureBelow(path: string, measure: (path: string) => DiskUse, meter: DiskMeter): number {
  return meter.measureAlone(path).bytes + sum(childrenOf(path).map((child) => measure(child).bytes));
}

function entriesOf(
  steps: readonly CachedStep[],
  folders: readonly KeptFolder[],
  about: {
    readonly sizeOf: (item: string) => number;
    readonly isShared: (item: string) => boolean;
    readonly inUse: (step: CachedStep) => boolean;
  },
): readonly DuEntry[] {
  const taken = new Set<string>();
  const sizes = new Map<string, number>();
  // From the shortest chain on: each adds what those below it have not.
  for (const step of steps.toSorted((one, other) => one.snapshots.length - other.snapshots.length)) {
    const own = itemsOf(step).filter((item) => !taken.has(item));
    for (const item of own) taken.add(item);
    sizes.set(step.id, sum(own.map(about.sizeOf)));
  }
  const ofSteps = steps.map((step): DuEntry => {
    const { id, type, text, created, used } = step;
    const items = itemsOf(step);
    const shared = items.length > 0 && items.every(about.isShared);
    return { id, type, text, created, used, size: sizes.get(id) ?? 0, shared, inUse: about.inUse(step) };
  });
  const ofFolders = folders.map(({ id, type, text, used, path, inUse }): DuEntry => {
    return { id, type, text, created: '', used, size: about.sizeOf(path), shared: false, inUse };
  });
  return [...ofSteps, ...ofFolders].toSorted((one, other) => other.used - one.used);
}

function itemsOf({ snapshots, blobs }: CachedStep): readonly string[] {
  return [...new Set<string>([...snapshots, ...blobs])];
}

function ofType(folders: readonly KeptFolder[], beginning: string): readonly KeptFolder[] {
  return folders.filter(({ type }) => type.startsWith(beginning));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
