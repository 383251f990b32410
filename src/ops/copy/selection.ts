import { canonicalJson, digestOf, toText, type Digest, type Json } from '../../core/index.ts';
import type { IgnoreMatcher } from '../../dockerfile/index.ts';
import { keptXattrs } from '../../snapshot/index.ts';
import type { RootDir } from '../../sys/index.ts';
import { contentDigestOf } from './read.ts';
import { selectSources, type Match, type SourceTree } from './select.ts';
import { itemsOf, type CopyItem } from './walk.ts';

/** What an instruction copies: its matches with all that is below them. */
export interface Selection {
  readonly matches: readonly { readonly match: Match; readonly items: readonly CopyItem[] }[];
}

export function select(
  tree: SourceTree,
  words: readonly string[],
  exclude: IgnoreMatcher | undefined,
): Selection {
  return {
    matches: selectSources(tree, words).map((match) => ({ match, items: itemsOf(tree, match, exclude) })),
  };
}

/** Content digests of the regular files, by position, so that copying can prove to have copied the same bytes. */
export interface SelectionDigest {
  readonly digest: Digest;
  readonly files: ReadonlyMap<CopyItem, Digest>;
}

/**
 * Digest of what is copied: names, types, modes, links, devices, xattrs and content, in walking order. Times do not
 * count, nor owners, since a copy gives its own (L-172).
 */
export function digestSelection(root: RootDir, selection: Selection): SelectionDigest {
  const files = new Map<CopyItem, Digest>();
  const rows: Json[] = [];
  for (const { match, items } of selection.matches) {
    rows.push(['match', toText(match.path).split('/').at(-1) ?? '', match.stat.type]);
    for (const item of items) rows.push(describe(root, item, files));
  }
  return { digest: digestOf(canonicalJson(rows)), files };
}

function describe(root: RootDir, item: CopyItem, files: Map<CopyItem, Digest>): Json {
  const { type, mode, major, minor } = item.stat;
  const xattrs = keptXattrs(root, item.source).map(([name, value]): Json => [name, value]);
  const row: Json[] = [item.below, type, mode, xattrs];
  switch (type) {
    case 'file': {
      const digest = contentDigestOf(root, item);
      files.set(item, digest);
      return [...row, digest];
    }
    case 'symlink':
      return [...row, root.readlink(item.source)];
    case 'char':
    case 'block':
      return [...row, major, minor];
    case 'directory':
    case 'fifo':
    case 'socket':
      return row;
  }
}
