import type { ByteString } from '../../core/index.ts';
import type { IgnoreMatcher } from '../../dockerfile/index.ts';
import type { Breath } from '../../snapshot/index.ts';
import type { FileStat, FolderEntries, RootDir } from '../../sys/index.ts';
import type { ItemFacts } from './facts.ts';
import type { Match, SourceTree } from './select.ts';

/** One thing to copy. */
export interface CopyItem {
  /** Below the source root. */
  readonly source: ByteString;
  /** Below the match: empty for a file given by name. */
  readonly below: ByteString;
  readonly stat: FileStat;
  /** What was read of it for the key, if it was. */
  readonly facts?: ItemFacts | undefined;
}

/** An item of which all is known that its copy is to hold. */
export interface ReadItem extends CopyItem {
  readonly facts: ItemFacts;
}

/** Takes of what is below a match those that fit, and the folders that they lie in. */
export interface Include {
  matches(path: ByteString): boolean;
  /** Whether something below a folder that does not fit may do. */
  couldMatchBelow(path: ByteString): boolean;
  /** Those of one text take the same. */
  readonly text: string;
}

/** What is taken of what is below a match. */
export interface WalkRules {
  readonly ignore: IgnoreMatcher | undefined;
  readonly exclude: IgnoreMatcher | undefined;
  /** Everything, if undefined. */
  readonly include: Include | undefined;
}

/** A folder below a match. */
export interface FolderPlace {
  /** Below the source root, without leading slash. */
  readonly source: ByteString;
  /** Below the match. */
  readonly below: ByteString;
}

/** What of a folder is taken, for all that its own names say. */
export interface Taken {
  readonly name: ByteString;
  /** Among the entries. */
  readonly index: number;
  readonly item: CopyItem;
  /** Of a folder: whether it counts even if nothing in it is taken. */
  readonly shown: boolean;
}

/** In bytewise order of the names, without what is in the folders among them. */
export function takenOf(rules: WalkRules, place: FolderPlace, entries: FolderEntries): readonly Taken[] {
  const { ignore, exclude, include } = rules;
  const taken: Taken[] = [];
  entries.names().forEach((name, index) => {
    const stat = entries.stat(index);
    // Sockets mean nothing once copied.
    if (stat.type === 'socket') return;
    const below = join(place.below, name);
    // Of a whole context they are the same, and one string is enough.
    const source = place.source === place.below ? below : join(place.source, name);
    const wanted = include === undefined || include.matches(below);
    const hidden = ignore?.matches(source) === true || exclude?.matches(below) === true;
    if (stat.type !== 'directory') {
      if (hidden || !wanted) return;
    } else {
      if (hidden && canSkip(rules, source, below)) return;
      if (!wanted && !include.couldMatchBelow(below)) return;
    }
    taken.push({ name, index, item: { source, below, stat }, shown: !hidden && wanted });
  });
  return taken;
}

export interface ItemsOptions {
  readonly exclude: IgnoreMatcher | undefined;
  readonly breath: Breath;
}

/** Everything below a match, parents first, names in bytewise order; a folder stands for its contents (L-163). */
export async function itemsOf(
  tree: SourceTree,
  match: Match,
  { exclude, breath }: ItemsOptions,
): Promise<readonly CopyItem[]> {
  const place = { source: realPathOf(tree, match), below: '' as ByteString };
  const rules = { ignore: tree.ignore, exclude, include: undefined };
  if (match.stat.type !== 'directory') return fileItem(rules, match, place.source);
  const items: CopyItem[] = [];
  using folder = tree.root.sub(place.source);
  await walk({ rules, breath, items }, folder, place);
  return items;
}

/** The item that a match that is no folder stands for, unless it is excluded by its name. */
export function fileItem(
  { exclude }: WalkRules,
  { path, stat }: Match,
  source: ByteString,
): readonly CopyItem[] {
  const name = path.slice(path.lastIndexOf('/') + 1) as ByteString;
  return exclude?.matches(name) === true ? [] : [{ source, below: '' as ByteString, stat }];
}

/** Where a match is, links resolved, below the root. */
export function realPathOf({ root }: SourceTree, { path }: Match): ByteString {
  return root.resolve(path).replace(/^\/+/, '') as ByteString;
}

interface Walk {
  readonly rules: WalkRules;
  readonly breath: Breath;
  readonly items: CopyItem[];
}

/** Returns whether anything was taken. A folder that is left out itself counts only if something in it is taken. */
async function walk(state: Walk, folder: RootDir, place: FolderPlace): Promise<boolean> {
  let any = false;
  for (const { name, item, shown } of takenOf(state.rules, place, folder.entries('' as ByteString))) {
    await state.breath.due();
    const position = state.items.push(item) - 1;
    if (item.stat.type === 'directory') {
      using child = folder.sub(name);
      const kept = await walk(state, child, item);
      if (!shown && !kept) {
        state.items.splice(position, 1);
        continue;
      }
    }
    any = true;
  }
  return any;
}

function canSkip({ ignore, exclude }: WalkRules, source: ByteString, below: ByteString): boolean {
  const ignored = ignore?.matches(source) === true && ignore.canSkipDirectory(source);
  const excluded = exclude?.matches(below) === true && exclude.canSkipDirectory(below);
  return ignored || excluded;
}

function join(folder: ByteString, name: ByteString): ByteString {
  return (folder === '' ? name : `${folder}/${name}`) as ByteString;
}
