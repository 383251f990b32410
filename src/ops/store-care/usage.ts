import { join } from 'node:path';

import { listItems, liveLeases, storePaths, type Store, type StorePaths } from '../../store/index.ts';
import { historyEntries, historyFolder, isRunning } from '../build-history/index.ts';
import { containerState, listContainers } from '../container/records.ts';
import { listVolumes, usesVolume, type VolumeRecord } from '../volumes/volume-store.ts';
import { childrenOf, Disk, sum } from './disk.ts';
import { entriesOf, itemsOf } from './entries.ts';
import { listImageNeeds, type ImageNeeds } from './images.ts';
import { listKeptFolders, type KeptFolder } from './kept-folders.ts';
import type { DiskReport, DuRow } from './report.ts';
import { listCachedSteps, type CachedStep } from './steps.ts';

/** What the store holds. Nothing is locked: what comes and goes meanwhile may be in it or not. */
export async function duOf(store: Store): Promise<DiskReport> {
  const found = await inventory(store);
  const { disk, steps, folders, needed, sizes } = found;
  // In this order: a file with several names counts in the first row that meets it.
  const [images, cached, containers] = [imagesRow(found), stepsRow(found), containersRow(found)];
  const [volumes, history, temporary] = [volumesRow(found), historyRow(found), temporaryRow(found)];
  const mounts = foldersRow(found, { type: 'Cache mounts', kind: 'exec.cachemount', at: ['cache-mounts'] });
  const sources = foldersRow(found, { type: 'Sources', kind: 'source.', at: ['git', 'downloads'] });
  const rest = restOf(found);
  const rows = [images, cached, mounts, sources, containers, volumes, history, temporary];
  return {
    rows: [...rows, row({ type: 'Bookkeeping', size: rest })],
    entries: entriesOf(steps, folders, {
      sizeOf: (item) => sizes.get(item) ?? disk.measure(item),
      isShared: (item) => needed.images.has(item) || needed.containers.has(item),
      inUse: (step) => isLeased(found, step),
    }),
    total: sum(rows.map(({ size, shared }) => size - shared)) + rest,
  };
}

/** All that there is, looked at once. */
interface Inventory {
  readonly store: Store;
  readonly paths: StorePaths;
  readonly disk: Disk;
  /** Bytes of each blob and snapshot. */
  readonly sizes: ReadonlyMap<string, number>;
  readonly images: readonly ImageNeeds[];
  readonly steps: readonly CachedStep[];
  readonly folders: readonly KeptFolder[];
  readonly containers: readonly FoundContainer[];
  readonly volumes: readonly VolumeRecord[];
  /** Blobs and snapshots, by who needs them. */
  readonly needed: Readonly<Record<'images' | 'steps' | 'containers' | 'leased', ReadonlySet<string>>>;
}

interface FoundContainer {
  readonly record: ReturnType<typeof listContainers>[number];
  readonly runs: boolean;
}

async function inventory(store: Store): Promise<Inventory> {
  const [paths, disk] = [storePaths(store.root), new Disk()];
  const sizes = new Map([...listItems(paths)].map(({ id, path }) => [id, disk.measure(path)]));
  const leases = liveLeases(store);
  const images = await listImageNeeds(store);
  const containers = await Promise.all(
    listContainers(store).map(async (record) => {
      const { status } = await containerState(store, record.id);
      return { record, runs: ['running', 'paused', 'restarting'].includes(status) };
    }),
  );
  const steps = await listCachedSteps(store);
  const needed = {
    images: new Set<string>(images.flatMap(({ blobs, snapshots }) => [...blobs, ...snapshots])),
    steps: new Set<string>(steps.flatMap(itemsOf)),
    containers: new Set<string>(containers.flatMap(({ record }) => record.chain)),
    leased: new Set<string>([...leases.blobs, ...leases.snapshots]),
  };
  const folders = await listKeptFolders(store);
  const volumes = listVolumes(store);
  return { store, paths, disk, sizes, images, steps, folders, containers, volumes, needed };
}

function row(known: Pick<DuRow, 'type' | 'size'> & Partial<DuRow>): DuRow {
  return { count: 0, active: 0, shared: 0, reclaimable: 0, used: 0, ...known };
}

/** Of blobs and snapshots. */
function sizeOf({ sizes }: Inventory, items: Iterable<string>): number {
  return sum([...items].map((item) => sizes.get(item) ?? 0));
}

function isElsewhere({ needed }: Inventory, own: keyof Inventory['needed'], item: string): boolean {
  return Object.entries(needed).some(([name, items]) => name !== own && items.has(item));
}

function isLeased({ needed }: Inventory, step: CachedStep): boolean {
  return itemsOf(step).some((item) => needed.leased.has(item));
}

function imagesRow(found: Inventory): DuRow {
  const { images, containers, paths, disk, needed } = found;
  const used = new Set<string>(containers.map(({ record }) => record.image.id));
  const unused = images.filter(({ id }) => !used.has(id));
  const free = unused
    .flatMap(({ blobs, snapshots }): readonly string[] => [...blobs, ...snapshots])
    .filter((item) => !isElsewhere(found, 'images', item));
  const names = sum([paths.refs, paths.images, paths.index].map((path) => disk.measure(path)));
  return row({
    type: 'Images',
    count: images.length,
    active: images.length - unused.length,
    size: sizeOf(found, needed.images) + names,
    reclaimable: sizeOf(found, new Set(free)),
  });
}

function stepsRow(found: Inventory): DuRow {
  const { steps, needed, paths, disk } = found;
  const items = [...needed.steps];
  return row({
    type: 'Cached steps',
    count: steps.length,
    active: steps.filter((step) => isLeased(found, step)).length,
    size: sizeOf(found, items) + disk.measure(paths.records),
    shared: sizeOf(
      found,
      items.filter((item) => needed.images.has(item)),
    ),
    reclaimable: sizeOf(
      found,
      items.filter((item) => !isElsewhere(found, 'steps', item)),
    ),
    used: steps.reduce((newest, { used }) => Math.max(newest, used), 0),
  });
}

/** Folders of one kind, and what else lies where they lie: `at`, below the store. */
function foldersRow(
  { store, folders, disk }: Inventory,
  { type, kind, at }: { readonly type: DuRow['type']; readonly kind: string; readonly at: readonly string[] },
): DuRow {
  const own = folders.filter((folder) => folder.type.startsWith(kind));
  const busy = own.filter(({ inUse }) => inUse);
  const free = sum(own.filter(({ inUse }) => !inUse).map(({ path }) => disk.measure(path)));
  const taken = sum(busy.map(({ path }) => disk.measure(path)));
  const counted = new Set(own.map(({ path }) => path));
  return row({
    type,
    count: own.length,
    active: busy.length,
    size: free + taken + sum(at.map((name) => disk.shell(join(store.root, name), counted))),
    reclaimable: free,
    used: Math.max(0, ...own.map(({ used }) => used)),
  });
}

function containersRow(found: Inventory): DuRow {
  const { containers, paths, disk, needed } = found;
  const only = [...needed.containers].filter((item) => !needed.images.has(item) && !needed.steps.has(item));
  const ended = containers.filter(({ runs }) => !runs);
  return row({
    type: 'Containers',
    count: containers.length,
    active: containers.length - ended.length,
    size: disk.below(paths.containers) + sizeOf(found, only),
    reclaimable: sum(ended.map(({ record }) => disk.measure(join(paths.containers, record.id)))),
  });
}

function volumesRow({ store, volumes, containers, disk }: Inventory): DuRow {
  const folder = join(store.root, 'volumes');
  const unused = volumes.filter(({ name }) => !containers.some(({ record }) => usesVolume(record, name)));
  return row({
    type: 'Volumes',
    count: volumes.length,
    active: volumes.length - unused.length,
    size: disk.below(folder),
    reclaimable: sum(unused.map(({ name }) => disk.measure(join(folder, name)))),
  });
}

/** `tsbuild builds prune` removes it. */
function historyRow({ store, disk }: Inventory): DuRow {
  const builds = historyEntries(store.root);
  const ended = builds.filter((build) => !isRunning(build));
  return row({
    type: 'Build history',
    count: builds.length,
    active: builds.length - ended.length,
    size: disk.below(historyFolder(store.root)),
    reclaimable: sum(ended.map(({ path }) => disk.measure(path))),
    used: builds[0]?.started ?? 0,
  });
}

/** What nothing that stays needs: of builds under way, and of those that were killed. */
function temporaryRow(found: Inventory): DuRow {
  const { sizes, needed, paths, disk } = found;
  const items = [...sizes.keys()];
  const ownerless = items.filter((item) => Object.values(needed).every((each) => !each.has(item)));
  const leased = items.filter((item) => needed.leased.has(item) && !isElsewhere(found, 'leased', item));
  const folders = disk.measure(paths.trash) + disk.measure(paths.tmp);
  return row({
    type: 'Temporary',
    count: ownerless.length + leased.length,
    active: leased.length,
    size: sizeOf(found, ownerless) + sizeOf(found, leased) + folders,
    reclaimable: sizeOf(found, ownerless),
  });
}

/** Files and folders that no row above counts: folders that hold what others count, locks, leases, mount points. */
function restOf({ store, paths, disk }: Inventory): number {
  const elsewhere = new Set([
    ...['cache-mounts', 'git', 'downloads', 'volumes'].map((name) => join(store.root, name)),
    historyFolder(store.root),
    ...[paths.refs, paths.images, paths.index, paths.records, paths.containers, paths.trash, paths.tmp],
    ...[...listItems(paths)].map(({ path }) => path),
  ]);
  const open = new Set([store.root, paths.layout, paths.blobs, paths.snapshots]);
  const walk = (path: string): number => {
    if (elsewhere.has(path)) return 0;
    if (!open.has(path) && !path.startsWith(`${paths.blobs}/`)) return disk.measure(path);
    return disk.alone(path) + sum(childrenOf(path).map(walk));
  };
  return walk(store.root);
}
