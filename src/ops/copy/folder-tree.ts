import { toText, type ByteString } from '../../core/index.ts';
import { fileClock, type FolderEntries, type RootDir } from '../../sys/index.ts';
import { folderKey, type FolderSummary } from './folder-memos.ts';
import { changed, unlessGone } from './read.ts';
import type { Row, RowDigest } from './row-digest.ts';
import { readFolder, type RowOptions, type ReadEntry } from './summary.ts';
import type { CopyItem, FolderPlace } from './walk.ts';

export interface TreeOptions extends RowOptions {
  /** Stands for `rules` and all else that decides about rows; undefined where nothing is to be remembered of folders. */
  readonly text: string | undefined;
}

/** A folder below a match, with those of its folders that count. */
export interface FolderNode {
  readonly place: FolderPlace;
  /** Stands for all of its own entries, where any change of them will show in their stats. */
  readonly key: string | undefined;
  readonly summary: FolderSummary;
  readonly folders: ReadonlyMap<ByteString, { readonly row: Row; readonly node: FolderNode }>;
  /** Its own entries, where they were looked at; else what the summary was known by. */
  readonly taken: readonly ReadEntry[] | undefined;
  readonly entries: FolderEntries | undefined;
}

/** What is below a folder: of folders that are known to be unchanged only their stats are looked at. Throws CONTEXT_CHANGED. */
export async function readTree(
  options: TreeOptions,
  folder: RootDir,
  place: FolderPlace,
): Promise<FolderNode> {
  const { cache, text, breath } = options;
  const began = cache === undefined ? 0 : fileClock();
  const entries = unlessGone(place, () => folder.entries('' as ByteString));
  const key = cache === undefined || text === undefined ? undefined : folderKey(text, place.below, entries);
  const known = key === undefined ? undefined : cache?.folders.find(key);
  const read = known === undefined ? await readFolder(options, { folder, place, entries, began }) : undefined;
  const summary = known ?? read?.summary;
  if (summary === undefined) throw new Error('neither known nor read');
  if (key !== undefined && read?.lasting === true) cache?.folders.add(key, read.summary);
  const folders = new Map<ByteString, { readonly row: Row; readonly node: FolderNode }>();
  for (const [name, row, shown] of summary.folders) {
    await breath.due();
    const path = join(place.below, name);
    const below = { source: place.source === place.below ? path : join(place.source, name), below: path };
    using child = unlessGone(below, () => folder.sub(name));
    const node = await readTree(options, child, below);
    // One that is left out itself counts only if something in it is taken.
    if (shown || !isEmpty(node)) folders.set(name, { row, node });
  }
  return {
    place,
    key: known !== undefined || read?.lasting === true ? key : undefined,
    summary,
    folders,
    taken: read?.taken,
    entries: read === undefined ? entries : undefined,
  };
}

function isEmpty({ summary, folders }: FolderNode): boolean {
  return summary.files === 0 && folders.size === 0;
}

/** How much is below a node. */
export function countOf({ summary, folders }: FolderNode): number {
  let count = summary.files + folders.size;
  for (const { node } of folders.values()) count += countOf(node);
  return count;
}

/** Adds what a tree holds: each folder's own entries as one row, then the folders in it; notes the names of files that have several. */
export function addRows(
  rows: RowDigest,
  node: FolderNode,
  { row, linked }: { readonly row: Row; readonly linked: [below: ByteString, inode: string][] },
): void {
  const { place, summary, folders } = node;
  rows.add(['folder', place.below, row, summary.digest]);
  for (const [name, inode] of summary.linked) linked.push([join(place.below, name), inode]);
  for (const below of folders.values()) addRows(rows, below.node, { row: below.row, linked });
}

/**
 * Everything below a node, parents first, names in bytewise order (L-163). What was known is looked at now, in the
 * state that it was listed in. Throws CONTEXT_CHANGED where it comes to something else than was known.
 */
export async function listTree(options: TreeOptions, node: FolderNode, items: CopyItem[]): Promise<void> {
  for (const { item, below } of await listFolder(options, node)) {
    await options.breath.due();
    items.push(item);
    if (below !== undefined) await listTree(options, below, items);
  }
}

/** What of a folder's own entries is taken; `below`: of a folder. Throws as `listTree` does. */
export async function listFolder(
  options: TreeOptions,
  node: FolderNode,
): Promise<readonly (ReadEntry & { readonly below: FolderNode | undefined })[]> {
  const taken = node.taken ?? (await readKnown(options, node));
  return taken.flatMap((each) => {
    const isFolder = each.item.stat.type === 'directory';
    const below = isFolder ? node.folders.get(each.name)?.node : undefined;
    return isFolder && below === undefined ? [] : [{ ...each, below }];
  });
}

async function readKnown(
  options: TreeOptions,
  { place, summary, entries }: FolderNode,
): Promise<readonly ReadEntry[]> {
  if (entries === undefined) throw new Error(`${toText(place.source)} was not listed`);
  using folder = unlessGone(place, () => options.root.sub(place.source));
  const read = await readFolder(options, { folder, place, entries, began: 0 });
  if (JSON.stringify(read.summary) === JSON.stringify(summary)) return read.taken;
  // Else a folder that the cache is wrong about would fail every build.
  options.cache?.clear();
  throw changed(place);
}

function join(folder: ByteString, name: ByteString): ByteString {
  return (folder === '' ? name : `${folder}/${name}`) as ByteString;
}
