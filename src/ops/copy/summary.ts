import type { Breath } from '../../snapshot/index.ts';
import type { FileStat, FolderEntries, RootDir } from '../../sys/index.ts';
import { readFacts, type ItemFacts } from './facts.ts';
import type { FolderSummary } from './folder-memos.ts';
import type { ModeChange } from './mode.ts';
import { RowDigest, type Row } from './row-digest.ts';
import type { StatCache } from './stat-cache.ts';
import { takenOf, type FolderPlace, type Taken, type WalkRules } from './walk.ts';

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

export interface TakenWithFacts extends Taken {
  readonly facts: ItemFacts;
}

export interface ReadFolder {
  readonly summary: FolderSummary;
  readonly taken: readonly TakenWithFacts[];
  /** Whether any change of it will show in the stats of its entries. */
  readonly lasting: boolean;
}

/** Looks at each of a folder's own entries. Throws CONTEXT_CHANGED. */
export async function readFolder(options: RowOptions, listed: ListedFolder): Promise<ReadFolder> {
  const { root, rules, breath, cache, modeOf, unread } = options;
  const { folder, place, entries, began } = listed;
  const rows = new RowDigest();
  const taken: TakenWithFacts[] = [];
  const folders: FolderSummary['folders'][number][] = [];
  const linked: FolderSummary['linked'][number][] = [];
  let lasting = cache !== undefined;
  for (const found of takenOf(rules, place, entries)) {
    const { name, shown } = found;
    await breath.due();
    const item = seenThrough(modeOf, found.item);
    const { stat } = item;
    const { facts, kept } = await readFacts(item, { root, folder, name }, { breath, cache, unread });
    taken.push({ name, item, shown, facts });
    const row = rowOf(options, item.stat, facts);
    if (stat.type === 'directory') folders.push([name, row, shown]);
    else rows.add([name, ...row]);
    if (stat.type === 'file' && stat.links > 1) linked.push([name, stat.inode]);
    lasting &&= stat.type === 'file' ? kept : cache?.willShow(stat, { folder: folder.fd, began }) === true;
  }
  const files = taken.length - folders.length;
  return { summary: { digest: rows.digest(), files, folders, linked }, taken, lasting };
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
