import type { ByteString, Digest } from '../../core/index.ts';
import type { Breath } from '../../snapshot/index.ts';
import {
  mostBatchBytes,
  statOfDescriptor,
  type FileStat,
  type FolderEntries,
  type RootDir,
} from '../../sys/index.ts';
import { noXattrs, readFacts, type ItemFacts } from './facts.ts';
import type { FolderSummary } from './folder-memos.ts';
import type { ModeChange } from './mode.ts';
import { RowDigest, type Row } from './row-digest.ts';
import { deviceOf, type StatCache } from './stat-cache.ts';
import { takenOf, type FolderPlace, type ReadItem, type Taken, type WalkRules } from './walk.ts';

/** What the rows of entries say, and what is known of them. */
export interface RowOptions {
  readonly root: RootDir;
  readonly rules: WalkRules;
  /** Whether the copy keeps the owners of its sources. */
  readonly owners: boolean;
  /** What the copy makes of modes; it keeps them unless told. */
  readonly mode: ModeChange | undefined;
  /** What counts of a mode, for the key and the copy alike. */
  readonly modeOf: ModeChange | undefined;
  readonly cache: StatCache | undefined;
  readonly unread?: boolean | undefined;
  readonly breath: Breath;
}

/** A folder that was listed. */
export interface ListedFolder {
  readonly folder: RootDir;
  readonly place: FolderPlace;
  readonly entries: FolderEntries;
  /** `fileClock` before it was listed. */
  readonly began: number;
}

/** What is taken of a folder's own entries. */
export interface ReadEntry {
  readonly name: ByteString;
  readonly item: ReadItem;
}

export interface ReadFolder {
  readonly summary: FolderSummary;
  readonly taken: readonly ReadEntry[];
  /** Whether any change of it will show in the stats of its entries. */
  readonly lasting: boolean;
}

/** Looks at each of a folder's own entries. Throws CONTEXT_CHANGED. */
export async function readFolder(options: RowOptions, listed: ListedFolder): Promise<ReadFolder> {
  const { root, rules, breath, cache, modeOf, unread } = options;
  const { folder, place, entries, began } = listed;
  const rows = new RowDigest();
  const taken: ReadEntry[] = [];
  const folders: FolderSummary['folders'][number][] = [];
  const linked: FolderSummary['linked'][number][] = [];
  let lasting = cache !== undefined;
  const listing = { folder: folder.fd, device: deviceOf(statOfDescriptor(folder.fd)), began };
  const all = takenOf(rules, place, entries);
  const known = all.map(({ item }) => (item.stat.type === 'file' ? cache?.find(item.stat) : undefined));
  const digests = await digestsOf(
    unread === true ? [] : all.filter((_, at) => known[at] === undefined),
    listed,
    breath,
  );
  for (const [at, found] of all.entries()) {
    const { name, index, shown } = found;
    await breath.due();
    const item = seenThrough(modeOf, found.item);
    const { stat } = item;
    const content = digests.get(index);
    const { facts, kept } =
      content === undefined
        ? await readFacts(item, { root, folder, name }, { breath, cache, known: known[at], unread })
        : { facts: { xattrs: noXattrs, content }, kept: cache?.addListed(stat, content, listing) === true };
    taken.push({ name, item: { source: item.source, below: item.below, stat, facts } });
    const row = rowOf(options, item.stat, facts);
    if (stat.type === 'directory') folders.push([name, row, shown]);
    else rows.add([name, ...row]);
    if (stat.type === 'file' && stat.links > 1) linked.push([name, stat.inode]);
    lasting &&= stat.type === 'file' ? kept : cache?.willShow(stat, listing) === true;
  }
  const files = taken.length - folders.length;
  return { summary: { digest: rows.digest(), files, folders, linked }, taken, lasting };
}

/** Fewer are read sooner than another thread is asked; two of so many are hashed at once. */
const fewest = 4;
const most = 128;

/** Digests of the small files among what is taken, by their index. */
async function digestsOf(
  taken: readonly Taken[],
  { folder, entries }: ListedFolder,
  breath: Breath,
): Promise<ReadonlyMap<number, Digest>> {
  const isSmall = ({ type, size }: FileStat): boolean => type === 'file' && size <= mostBatchBytes;
  const files = taken.filter(({ item }) => isSmall(item.stat));
  const digests = new Map<number, Digest>();
  if (files.length < fewest) return digests;
  const length = Math.min(most, Math.ceil(files.length / 2));
  for (let from = 0; from < files.length; from += 2 * length) {
    await breath.due();
    const halves = [0, length].map((start) => files.slice(from + start, from + start + length));
    const found = await Promise.all(halves.map((half) => entries.digests(folder, half)));
    for (const [index, digest] of found.flatMap((some) => [...some])) digests.set(index, digest);
  }
  return digests;
}

/**
 * What a key says of an item beside its name. Times do not count, owners only where the copy keeps them (L-172), modes
 * as the copy has them (B-03).
 */
export function rowOf(
  { owners, mode }: Pick<RowOptions, 'owners' | 'mode'>,
  stat: FileStat,
  { content, link, xattrs }: ItemFacts,
): Row {
  const isKept = mode === undefined || stat.type === 'symlink';
  return [
    stat.type,
    isKept ? stat.mode : mode(stat.mode, stat.type === 'directory'),
    xattrs,
    content ?? link ?? null,
    stat.major,
    stat.minor,
    ...(owners ? [stat.uid, stat.gid] : []),
  ];
}

/** With the mode that counts. A symlink has none of its own. */
export function seenThrough<T extends { readonly stat: FileStat }>(
  modeOf: ModeChange | undefined,
  found: T,
): T {
  const { stat } = found;
  if (modeOf === undefined || stat.type === 'symlink') return found;
  return { ...found, stat: { ...stat, mode: modeOf(stat.mode, stat.type === 'directory') } };
}
