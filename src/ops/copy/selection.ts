import {
  canonicalJson,
  digestOf,
  digestParts,
  toText,
  type ByteString,
  type Digest,
} from '../../core/index.ts';
import type { IgnoreMatcher } from '../../dockerfile/index.ts';
import type { Breath } from '../../snapshot/index.ts';
import { ownFacts, readFacts, type FactsOfItems } from './facts.ts';
import { addRows, countOf, listTree, readTree, type FolderNode, type TreeOptions } from './folder-tree.ts';
import { gitMode, parseMode } from './mode.ts';
import { selectWithParents } from './parents.ts';
import { RowDigest } from './row-digest.ts';
import { selectPath, selectSource, type Match, type SourceTree } from './select.ts';
import { fewBytes, fewFiles } from './stat-cache.ts';
import { rowOf, seenThrough } from './summary.ts';
import { fileItem, realPathOf, type CopyItem, type Include, type ReadItem } from './walk.ts';

/** What an instruction copies: its matches with all that is below them. */
export interface Selection {
  readonly matches: readonly { readonly match: Match; readonly items: readonly CopyItem[] }[];
}

export interface SelectOptions {
  readonly exclude?: IgnoreMatcher | undefined;
  /** Sources keep their folders (L-154). */
  readonly parents?: boolean | undefined;
  /** Whether the copy keeps the owners of its sources. */
  readonly owners: boolean;
  /** What the copy makes of modes (L-152); it keeps them unless told. */
  readonly chmod?: string | undefined;
  /** No file is read, and the digest stands for nothing. */
  readonly unread?: boolean | undefined;
  readonly breath: Breath;
}

/** What source words stand for, and the digest of all that is below it. */
export interface Selected {
  readonly digest: Digest;
  readonly matches: readonly Match[];
  /** Where it is all that is below one folder. */
  readonly tree?: SelectedTree | undefined;
  /** Of all that is copied, folders included. */
  readonly count: number;
  /** File by file, for whoever copies them or says what changed. Throws CONTEXT_CHANGED. */
  files(): Promise<SelectedFiles>;
}

export interface SelectedTree {
  readonly match: Match;
  readonly options: TreeOptions;
  readonly node: FolderNode;
}

export interface SelectedFiles {
  readonly selection: Selection;
  readonly facts: FactsOfItems;
}

/** What source words stand for, in the order written. Throws COPY_SOURCE_NOT_FOUND, CONTEXT_CHANGED. */
export async function selectWords(
  tree: SourceTree,
  words: readonly string[],
  options: SelectOptions,
): Promise<Selected> {
  const wanted = words.flatMap((word) =>
    options.parents === true ? selectWithParents(tree, word) : selectSource(tree, word),
  );
  return read(tree, wanted, options);
}

/** The one file at the root of a tree, as if it had been named. */
export async function selectOnlyFile(tree: SourceTree, options: SelectOptions): Promise<Selected> {
  const names = tree.root.list('' as ByteString);
  const [path] = names;
  if (path === undefined || names.length > 1)
    throw new Error(`${names.length} files where there is to be one`);
  return read(tree, [{ path, stat: tree.root.lstat(path), wildcard: false }], options);
}

/**
 * What a path is in which wildcards mean nothing, as a mount shows it: a folder's own mode and owner count, but for the
 * root of the tree.
 */
export async function selectOnePath(
  tree: SourceTree,
  path: string,
  options: SelectOptions,
): Promise<Selected> {
  const match = seenThrough(tree.modeOf, selectPath(tree, path));
  const selected = await read(tree, [match], options);
  const { mode, uid, gid } = match.stat;
  const own = match.path === '' ? [] : [mode, ...(options.owners ? [uid, gid] : [])];
  return { ...selected, digest: digestOf(canonicalJson({ own, below: selected.digest })) };
}

/** Raised when the same files come to another digest than they did. */
const digestVersion = 2;

type Wanted = Match & { readonly include?: Include | undefined };

/** A match with what is below it: a file, or a folder's tree. */
interface ReadMatch {
  readonly match: Match;
  readonly options: TreeOptions;
  readonly files: readonly ReadItem[];
  readonly tree: FolderNode | undefined;
}

/**
 * Digest of what is copied: names, types, modes, links, devices, xattrs and content, folder by folder, and which names
 * of a source are one file, since they are in the copy, too.
 */
async function read(tree: SourceTree, wanted: readonly Wanted[], options: SelectOptions): Promise<Selected> {
  const found: ReadMatch[] = [];
  const rows = new RowDigest();
  rows.add(['selection', digestVersion]);
  const known = isWorthAsking(wanted) ? tree.known : undefined;
  for (const each of wanted) {
    const read = await readMatch({ ...tree, known }, each, options);
    found.push(read);
    addMatch(rows, read);
  }
  let files: Promise<SelectedFiles> | undefined;
  return {
    digest: rows.digest(),
    matches: found.map(({ match }) => match),
    tree: onlyTree(found),
    count: found.reduce((sum, { files, tree }) => sum + files.length + (tree ? countOf(tree) : 0), 0),
    files: () => (files ??= listFiles(found)),
  };
}

function onlyTree([only, ...others]: readonly ReadMatch[]): SelectedTree | undefined {
  if (only?.tree === undefined || others.length > 0) return undefined;
  return { match: only.match, options: only.options, node: only.tree };
}

async function readMatch(tree: SourceTree, wanted: Wanted, options: SelectOptions): Promise<ReadMatch> {
  const { root, known, modeOf } = tree;
  const match = seenThrough(modeOf, wanted);
  const source = realPathOf(tree, match);
  const treeOptions = treeOptionsOf(tree, { ...options, include: wanted.include, source });
  if (match.stat.type === 'directory') {
    using folder = root.sub(source);
    const below = await readTree(treeOptions, folder, { source, below: '' as ByteString });
    return { match, options: treeOptions, files: [], tree: below };
  }
  const files: ReadMatch['files'][number][] = [];
  for (const item of fileItem(treeOptions.rules, match, source)) {
    const cached = known?.find(item.stat);
    const place = { root, folder: root, name: source };
    const { facts } = await readFacts(item, place, { ...treeOptions, known: cached });
    files.push({ ...item, facts });
  }
  return { match, options: treeOptions, files, tree: undefined };
}

function treeOptionsOf(
  { root, ignore, known, modeOf }: SourceTree,
  {
    exclude,
    include,
    chmod,
    owners,
    unread,
    breath,
    source,
  }: SelectOptions & { readonly include: Include | undefined; readonly source: ByteString },
): TreeOptions {
  const texts = [ignore, exclude, include].map((rule) => (rule === undefined ? '' : rule.text));
  const isKnown = !texts.includes(undefined) && (modeOf === undefined || modeOf === gitMode);
  const text = JSON.stringify([digestVersion, texts, chmod ?? null, modeOf === gitMode, owners, source]);
  return {
    root,
    rules: { ignore, exclude, include },
    owners,
    mode: chmod === undefined ? undefined : parseMode(chmod),
    modeOf,
    cache: known,
    unread,
    breath,
    text: isKnown ? digestParts(digestOf(text)).hex : undefined,
  };
}

function addMatch(rows: RowDigest, { match, options, files, tree }: ReadMatch): void {
  rows.add(['match', toText(match.path).split('/').at(-1) ?? '', match.stat.type]);
  for (const { stat, facts } of files) rows.add(['file', rowOf(options, stat, facts)]);
  if (tree === undefined) return;
  const linked: [below: ByteString, inode: string][] = [];
  addRows(rows, tree, { row: [], linked });
  const first = new Map<string, ByteString>();
  for (const [below, inode] of linked) {
    const same = first.get(inode);
    if (same === undefined) first.set(inode, below);
    else rows.add(['same', below, same]);
  }
}

async function listFiles(found: readonly ReadMatch[]): Promise<SelectedFiles> {
  const matches: Selection['matches'][number][] = [];
  for (const { match, options, files, tree } of found) {
    const items: CopyItem[] = [...files];
    if (tree !== undefined) await listTree(options, tree, items);
    matches.push({ match, items });
  }
  return { selection: { matches }, facts: ownFacts };
}

/** Of a few files given by name, it is quicker to read them. */
function isWorthAsking(wanted: readonly Wanted[]): boolean {
  const size = wanted.reduce((sum, { stat }) => sum + stat.size, 0);
  const isFolder = ({ stat }: Wanted): boolean => stat.type === 'directory';
  return wanted.length >= fewFiles || size >= fewBytes || wanted.some(isFolder);
}
