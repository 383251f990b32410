import {
  canonicalJson,
  digestOf,
  toText,
  type ByteString,
  type Digest,
  type Json,
} from '../../core/index.ts';
import type { IgnoreMatcher } from '../../dockerfile/index.ts';
import { keptXattrs, type Breath } from '../../snapshot/index.ts';
import type { RootDir } from '../../sys/index.ts';
import { contentDigestOf, unlessGone } from './read.ts';
import { selectSources, type Match, type SourceTree } from './select.ts';
import { itemsOf, type CopyItem } from './walk.ts';

/** What an instruction copies: its matches with all that is below them. */
export interface Selection {
  readonly matches: readonly { readonly match: Match; readonly items: readonly CopyItem[] }[];
}

export async function select(
  tree: SourceTree,
  words: readonly string[],
  options: { readonly exclude: IgnoreMatcher | undefined; readonly breath: Breath },
): Promise<Selection> {
  const matches: Selection['matches'][number][] = [];
  for (const match of selectSources(tree, words)) {
    matches.push({ match, items: await itemsOf(tree, match, options) });
  }
  return { matches };
}

/** What was read of an item for its key, and so is what is copied, whatever the source holds by then. */
export interface ItemFacts {
  /** Digest of a regular file's bytes. */
  readonly content?: Digest | undefined;
  /** Text of a symlink. */
  readonly link?: ByteString | undefined;
  readonly xattrs: readonly (readonly [name: ByteString, value: ByteString])[];
}

export interface SelectionDigest {
  readonly digest: Digest;
  readonly facts: ReadonlyMap<CopyItem, ItemFacts>;
}

/**
 * Digest of what is copied: names, types, modes, links, devices, xattrs and content, in walking order, and which names
 * of a source are one file, since they are in the copy, too. Times do not count, and owners only where the copy keeps
 * them (L-172).
 */
export async function digestSelection(
  root: RootDir,
  selection: Selection,
  { owners, breath }: { readonly owners: boolean; readonly breath: Breath },
): Promise<SelectionDigest> {
  const facts = new Map<CopyItem, ItemFacts>();
  const rows: Json[] = [];
  for (const { match, items } of selection.matches) {
    const linked = new Map<string, number>();
    rows.push(['match', toText(match.path).split('/').at(-1) ?? '', match.stat.type]);
    for (const item of items) {
      await breath.due();
      const known = await readFacts(root, item, breath);
      facts.set(item, known);
      const same = item.stat.links < 2 ? undefined : linked.get(item.stat.inode);
      if (same === undefined) linked.set(item.stat.inode, rows.length);
      rows.push([...describe(item, known), same ?? null, ...(owners ? [item.stat.uid, item.stat.gid] : [])]);
    }
  }
  return { digest: digestOf(canonicalJson(rows)), facts };
}

async function readFacts(root: RootDir, item: CopyItem, breath: Breath): Promise<ItemFacts> {
  const xattrs = unlessGone(item, () => keptXattrs(root, item.source));
  switch (item.stat.type) {
    case 'file':
      return { xattrs, content: await contentDigestOf(root, item, breath) };
    case 'symlink':
      return { xattrs, link: unlessGone(item, () => root.readlink(item.source)) };
    case 'char':
    case 'block':
    case 'directory':
    case 'fifo':
    case 'socket':
      return { xattrs };
  }
}

function describe({ below, stat }: CopyItem, { content, link, xattrs }: ItemFacts): Json[] {
  const pairs = xattrs.map(([name, value]): Json => [name, value]);
  return [below, stat.type, stat.mode, pairs, content ?? link ?? null, stat.major, stat.minor];
}
