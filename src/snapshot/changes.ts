import { TsbuildError, type ByteString } from '../core/index.ts';
import { overlayXattrPrefix, type FileStat, type RootDir } from '../sys/index.ts';
import { isReservedLayerName } from '../tar/index.ts';
import { Breath } from './breath.ts';
import { entryOf, pickXattrs, sameAttributes, sameXattrs } from './entry.ts';
import { joinPath, quoteBytes } from './entry-path.ts';
import { sameContent } from './read-content.ts';
import type { Change, Entry } from './types.ts';

/** A name that an upper directory holds, compared with the parents. */
interface Node {
  readonly name: ByteString;
  readonly path: ByteString;
  readonly entry: Entry;
  /** What a directory holds; undefined for all else. */
  readonly below: Contents | undefined;
  /** Known for hard links once all names of the inode are. */
  state: 'changed' | 'equal' | Link;
}

interface Contents {
  /** Names that the parents have and this state has no more. */
  readonly removed: ByteString[];
  nodes: Node[];
}

interface Link {
  readonly to: ByteString;
}

/** The names of one inode within the upper, in the order of emission. */
interface LinkGroup {
  readonly members: { readonly node: Node; readonly parentInode: string | undefined }[];
}

/** One directory of the upper beside the same of the merged parents, where that is a directory. */
interface Pair {
  readonly upper: RootDir;
  readonly parents: RootDir | undefined;
  readonly path: ByteString;
  /** The parents' contents do not show through: all that is not in the upper is gone. */
  readonly hides: boolean;
}

interface Comparison {
  readonly groups: Map<string, LinkGroup>;
  readonly breath: Breath;
}

const here = '.' as ByteString;
/** Marks of features that are switched off when we mount: such an upper does not hold all that it shows. */
const foreignMarks = ['metacopy', 'redirect'];

/**
 * A name of overlay's own xattrs where the upper was written. The other spelling is an ordinary attribute there, which any
 * program may have set.
 */
function overlayMark(name: string): ByteString {
  return (overlayXattrPrefix() + name) as ByteString;
}

/**
 * The normalised difference between an overlay's upper directory and its merged parents (design decision 5).
 *
 * Order: depth first, the names of each directory sorted bytewise; a directory before what is in it; within a
 * directory first all removals, then what is put, so that a reader who applies entries as they come, and takes a
 * whiteout for what came before in the same archive too, ends with the same tree.
 *
 * A path whose type changes is put and not removed: putting replaces whatever is not a directory on both sides. For
 * two directories putting only sets attributes, so an opaque directory is given as a removal of every name it hides.
 * Unchanged entries are left out; a directory stays in when it or anything below it is given. The root itself is
 * given only when more than its time differs: its time changes with every entry made in it.
 *
 * Throws NAME_RESERVED for a file that layers cannot name, INTERRUPTED when the signal is aborted.
 */
export function upperChanges(
  upper: RootDir,
  parents: RootDir,
  signal?: AbortSignal,
): AsyncGenerator<Change, void, undefined> {
  return changesBetween({ upper, parents, path: '' as ByteString, hides: false }, signal);
}

/** As `upperChanges`, of two whole trees: what the new one lacks is removed. */
export function treeChanges(
  tree: RootDir,
  parents: RootDir,
  signal?: AbortSignal,
): AsyncGenerator<Change, void, undefined> {
  return changesBetween({ upper: tree, parents, path: '' as ByteString, hides: true }, signal);
}

async function* changesBetween(root: Pair, signal?: AbortSignal): AsyncGenerator<Change, void, undefined> {
  const comparison: Comparison = { groups: new Map(), breath: new Breath(signal) };
  const contents = await compareDirectories(root, comparison);
  for (const group of comparison.groups.values()) settleLinks(group);
  leaveOutEqual(contents);
  const rootEntry = changedRoot(root);
  if (rootEntry !== undefined) yield { kind: 'put', path: root.path, entry: rootEntry };
  yield* emit(contents, root.path);
}

async function compareDirectories(pair: Pair, comparison: Comparison): Promise<Contents> {
  const { upper, parents, path } = pair;
  const hides = pair.hides || upper.getXattr(here, overlayMark('opaque')) === 'y';
  const contents: Contents = { removed: [], nodes: [] };
  const names = upper.list(here);
  for (const name of names) {
    await comparison.breath.due();
    const stat = upper.lstat(name);
    const before = parents?.tryLstat(name);
    // A socket means nothing without its process, but what it replaced is gone.
    if (isWhiteout(stat) || stat.type === 'socket') {
      if (before !== undefined) contents.removed.push(name);
      continue;
    }
    if (isReservedLayerName(name)) throw reservedName(joinPath(path, name));
    const node = await compareEntry({ ...pair, hides }, { name, stat, before }, comparison);
    contents.nodes.push(node);
  }
  if (hides && parents !== undefined) {
    const present = new Set(names);
    contents.removed.push(...parents.list(here).filter((name) => !present.has(name)));
  }
  return contents;
}

interface Compared {
  readonly name: ByteString;
  readonly stat: FileStat;
  readonly before: FileStat | undefined;
}

async function compareEntry(pair: Pair, compared: Compared, comparison: Comparison): Promise<Node> {
  const { name, stat, before } = compared;
  const path = joinPath(pair.path, name);
  const entry = describe(pair.upper, name, stat);
  if (entry === undefined) throw new Error(`a ${stat.type} has no entry`);
  const equal = await isEqual(pair, { ...compared, entry }, comparison.breath);
  const state = equal ? 'equal' : 'changed';
  const below = stat.type === 'directory' ? await compareBelow(pair, compared, comparison) : undefined;
  const node: Node = { name, path, entry, below, state };
  if (below === undefined && stat.links > 1) {
    const group = comparison.groups.get(stat.inode) ?? { members: [] };
    comparison.groups.set(stat.inode, group);
    group.members.push({ node, parentInode: before?.inode });
  }
  return node;
}

async function compareBelow(
  pair: Pair,
  { name, before }: Compared,
  comparison: Comparison,
): Promise<Contents> {
  using upper = pair.upper.sub(name);
  using parents = before?.type === 'directory' ? pair.parents?.sub(name) : undefined;
  const path = joinPath(pair.path, name);
  // The children of an opaque directory carry no mark of their own: nothing could show through them.
  return await compareDirectories({ upper, parents, path, hides: pair.hides }, comparison);
}

async function isEqual(
  { upper, parents }: Pair,
  { name, stat, before, entry }: Compared & { readonly entry: Entry },
  breath: Breath,
): Promise<boolean> {
  if (parents === undefined || before?.type !== stat.type) return false;
  if (before.mtime !== stat.mtime || before.mode !== stat.mode || before.size !== stat.size) {
    // The size of a directory is the file system's own affair.
    if (stat.type !== 'directory') return false;
  }
  const old = describe(parents, name, before);
  if (old === undefined || !sameAttributes(entry, old)) return false;
  if (entry.type !== 'file') return true;
  const pairOfFiles = [
    { root: upper, path: name },
    { root: parents, path: name },
  ] as const;
  return sameContent(pairOfFiles, entry.size, breath);
}

function describe(root: RootDir, name: ByteString, stat: FileStat): Entry | undefined {
  const names = root.listXattrs(name);
  // Asked of every file: what has none needs no look at the marks.
  const mark =
    names.length === 0 ? undefined : foreignMarks.find((word) => names.includes(overlayMark(word)));
  if (mark !== undefined) throw new Error(`${quoteBytes(name)} has overlay's mark ${mark}`);
  return entryOf(root, name, { stat, xattrs: pickXattrs(root, name, names) });
}

/** Overlay's own sign of a removed name: a character device 0:0, which overlay lets nobody else create. */
function isWhiteout(stat: FileStat): boolean {
  return stat.type === 'char' && stat.major === 0 && stat.minor === 0;
}

/**
 * Several names of one file: left out when they were the same several names before; else all are given, even those
 * that equal the parents', since a link's target must be in the same layer. The first carries the content.
 */
function settleLinks({ members }: LinkGroup): void {
  const [first, ...others] = members;
  if (first === undefined) return;
  const unchanged = members.every(
    ({ node, parentInode }) => node.state === 'equal' && parentInode === first.parentInode,
  );
  if (unchanged) return;
  first.node.state = 'changed';
  for (const { node } of others) node.state = { to: first.node.path };
}

function changedRoot({ upper, parents }: Pair): Entry | undefined {
  const entry = describe(upper, here, upper.lstat(here));
  const old = parents && describe(parents, here, parents.lstat(here));
  if (entry === undefined || old === undefined) return undefined;
  const same = entry.mode === old.mode && entry.uid === old.uid && entry.gid === old.gid;
  return same && sameXattrs(entry.xattrs, old.xattrs) ? undefined : entry;
}

/** Keeps of the tree what is given. False when that is nothing. */
function leaveOutEqual(contents: Contents): boolean {
  contents.nodes = contents.nodes.filter((node) => {
    const anyBelow = node.below !== undefined && leaveOutEqual(node.below);
    return anyBelow || node.state !== 'equal';
  });
  return contents.nodes.length > 0 || contents.removed.length > 0;
}

function* emit(contents: Contents, path: ByteString): Generator<Change, void, undefined> {
  for (const name of contents.removed.sort()) yield { kind: 'remove', path: joinPath(path, name) };
  for (const node of contents.nodes) {
    yield { kind: 'put', path: node.path, entry: givenEntry(node) };
    if (node.below !== undefined) yield* emit(node.below, node.path);
  }
}

function givenEntry({ entry, state }: Node): Entry {
  if (typeof state === 'string') return entry;
  const { mode, uid, gid, mtime } = entry;
  return { type: 'hardlink', mode, uid, gid, mtime, size: 0, link: state.to, xattrs: [] };
}

function reservedName(path: ByteString): TsbuildError {
  return new TsbuildError(
    'NAME_RESERVED',
    `the file name ${quoteBytes(path)} means a removal in image layers`,
    {
      hint: 'remove or rename the file in the step that makes it',
    },
  );
}
