import {
  canonicalJson,
  createDigester,
  digestOf,
  toText,
  type ByteString,
  type Digest,
} from '../../core/index.ts';
import type { IgnoreMatcher } from '../../dockerfile/index.ts';
import { keptXattrs, type Breath } from '../../snapshot/index.ts';
import type { FileStat, RootDir } from '../../sys/index.ts';
import type { ModeChange } from './mode.ts';
import { NearFolder } from './near-folder.ts';
import { contentDigestOf, unlessGone } from './read.ts';
import { selectWithParents } from './parents.ts';
import { selectPath, selectSource, type Match, type SourceTree } from './select.ts';
import type { StatCache } from './stat-cache.ts';
import { itemsOf, type CopyItem, type Include } from './walk.ts';

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
  /** What the copy makes of modes; it keeps them unless told. */
  readonly mode?: ModeChange | undefined;
  readonly breath: Breath;
}

/** What source words stand for, and the digest of all that is below it. */
export interface Selected {
  readonly digest: Digest;
  readonly matches: readonly Match[];
  /** File by file, for whoever copies them or says what changed. Throws CONTEXT_CHANGED. */
  files(): Promise<SelectedFiles>;
}

export interface SelectedFiles {
  readonly selection: Selection;
  readonly facts: ReadonlyMap<CopyItem, ItemFacts>;
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
  const match = seenThrough(tree, selectPath(tree, path));
  const selected = await read(tree, [match], options);
  const { mode, uid, gid } = match.stat;
  const own = match.path === '' ? [] : [mode, ...(options.owners ? [uid, gid] : [])];
  return { ...selected, digest: digestOf(canonicalJson({ own, below: selected.digest })) };
}

async function read(
  tree: SourceTree,
  wanted: readonly (Match & { readonly include?: Include | undefined })[],
  { exclude, owners, mode, breath }: SelectOptions,
): Promise<Selected> {
  const matches: Selection['matches'][number][] = [];
  for (const each of wanted) {
    const match = seenThrough(tree, each);
    const items = await itemsOf(tree, match, { exclude, include: match.include, breath });
    matches.push({
      match,
      items: tree.modeOf === undefined ? items : items.map((item) => seenThrough(tree, item)),
    });
  }
  const selection = { matches };
  const { digest, facts } = await digestSelection(tree, selection, { owners, mode, breath });
  return {
    digest,
    matches: matches.map(({ match }) => match),
    files: () => Promise.resolve({ selection, facts }),
  };
}

/** With the mode that counts. A symlink has none of its own. */
function seenThrough<T extends { readonly stat: FileStat }>({ modeOf }: SourceTree, found: T): T {
  const { stat } = found;
  if (modeOf === undefined || stat.type === 'symlink') return found;
  return { ...found, stat: { ...stat, mode: modeOf(stat.mode, stat.type === 'directory') } };
}

/** What was read of an item for its key, and so is what is copied, whatever the source holds by then. */
export interface ItemFacts {
  /** Digest of a regular file's bytes; `unread`: it is copied as it is then. */
  readonly content?: Digest | 'unread' | undefined;
  /** Text of a symlink. */
  readonly link?: ByteString | undefined;
  readonly xattrs: readonly (readonly [name: ByteString, value: ByteString])[];
}

/**
 * Digest of what is copied: names, types, modes, links, devices, xattrs and content, in walking order, and which names
 * of a source are one file, since they are in the copy, too. Times do not count, owners only where the copy keeps them
 * (L-172), modes as the copy has them (B-03).
 */
async function digestSelection(
  { root, known }: SourceTree,
  selection: Selection,
  { owners, mode, breath }: Pick<SelectOptions, 'owners' | 'mode' | 'breath'>,
): Promise<{ readonly digest: Digest; readonly facts: ReadonlyMap<CopyItem, ItemFacts> }> {
  const facts = new Map<CopyItem, ItemFacts>();
  const cache = known !== undefined && isWorthRemembering(selection) ? known : undefined;
  const rows = new RowDigest();
  using near = new NearFolder(root);
  for (const { match, items } of selection.matches) {
    const linked = new Map<string, number>();
    rows.add(['match', toText(match.path).split('/').at(-1) ?? '', match.stat.type]);
    for (const item of items) {
      await breath.due();
      const read = await readFacts(root, item, { breath, cache, near });
      facts.set(item, read);
      const same = item.stat.links < 2 ? undefined : linked.get(item.stat.inode);
      if (same === undefined) linked.set(item.stat.inode, rows.count);
      rows.add([
        ...describe(item, read, mode),
        same ?? null,
        ...(owners ? [item.stat.uid, item.stat.gid] : []),
      ]);
    }
  }
  return { digest: rows.digest(), facts };
}

type Scalar = string | number | null;
type Row = readonly (Scalar | readonly (readonly Scalar[])[])[];

/** The digest of an array's canonical JSON, of which there is never more than a part at a time. */
class RowDigest {
  readonly #digester = createDigester();
  #text = '[';
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(row: Row): void {
    // An array without objects has no other JSON than its canonical one.
    const text = JSON.stringify(row);
    this.#text += this.#count === 0 ? text : `,${text}`;
    this.#count += 1;
    if (this.#text.length < 1 << 16) return;
    this.#digester.update(this.#text);
    this.#text = '';
  }

  digest(): Digest {
    this.#digester.update(`${this.#text}]`);
    return this.#digester.digest();
  }
}

interface FactsOptions {
  readonly breath: Breath;
  readonly cache: StatCache | undefined;
  readonly near: NearFolder;
}

async function readFacts(root: RootDir, item: CopyItem, options: FactsOptions): Promise<ItemFacts> {
  if (item.stat.type === 'file') return readFileFacts(root, item, options);
  const xattrs = xattrsOf(item, options.near);
  if (item.stat.type !== 'symlink') return { xattrs };
  return { xattrs, link: unlessGone(item, () => root.readlink(item.source)) };
}

async function readFileFacts(
  root: RootDir,
  item: CopyItem,
  { breath, cache, near }: FactsOptions,
): Promise<ItemFacts> {
  const known = cache?.find(item.stat);
  if (known?.plain === true) return { xattrs: [], content: known.content };
  const began = Date.now();
  const xattrs = xattrsOf(item, near);
  if (known !== undefined) return { xattrs, content: known.content };
  const plain = xattrs.length === 0;
  const content = await contentDigestOf(root, item, {
    breath,
    seen: (content, { fd, stat }) => cache?.add(item.stat, { fd, stat, began, content, plain }),
  });
  return { xattrs, content };
}

function xattrsOf(item: CopyItem, near: NearFolder): ItemFacts['xattrs'] {
  return unlessGone(item, () => {
    const { folder, name } = near.at(item.source);
    return keptXattrs(folder, name);
  });
}

/** Files, and bytes of them, below which reading them costs no more than looking up what is known of them. */
const fewFiles = 32;
const fewBytes = 1 << 20;

function isWorthRemembering({ matches }: Selection): boolean {
  let files = 0;
  let bytes = 0;
  for (const { items } of matches) {
    for (const { stat } of items) {
      if (stat.type !== 'file') continue;
      files += 1;
      bytes += stat.size;
      if (files >= fewFiles || bytes >= fewBytes) return true;
    }
  }
  return false;
}

function describe(
  { below, stat }: CopyItem,
  { content, link, xattrs }: ItemFacts,
  change: ModeChange | undefined,
): Row {
  const isKept = change === undefined || stat.type === 'symlink';
  const mode = isKept ? stat.mode : change(stat.mode, stat.type === 'directory');
  return [below, stat.type, mode, xattrs, content ?? link ?? null, stat.major, stat.minor];
}
