import type { ByteString } from '../../core/index.ts';
import type { IgnoreMatcher } from '../../dockerfile/index.ts';
import type { Breath } from '../../snapshot/index.ts';
import type { FileStat, RootDir } from '../../sys/index.ts';
import type { Match, SourceTree } from './select.ts';

/** One thing to copy. */
export interface CopyItem {
  /** Below the source root. */
  readonly source: ByteString;
  /** Below the match: empty for a file given by name. */
  readonly below: ByteString;
  readonly stat: FileStat;
}

/** Takes of what is below a match those that fit, and the folders that they lie in. */
export interface Include {
  matches(path: ByteString): boolean;
  /** Whether something below a folder that does not fit may do. */
  couldMatchBelow(path: ByteString): boolean;
}

export interface WalkOptions {
  readonly exclude: IgnoreMatcher | undefined;
  /** Everything, if undefined. */
  readonly include?: Include | undefined;
  readonly breath: Breath;
}

/** Everything below a match, parents first, names in bytewise order; a folder stands for its contents (L-163). */
export async function itemsOf(
  tree: SourceTree,
  match: Match,
  options: WalkOptions,
): Promise<readonly CopyItem[]> {
  const real = stripSlash(tree.root.resolve(match.path));
  if (match.stat.type !== 'directory') {
    const name = match.path.slice(match.path.lastIndexOf('/') + 1) as ByteString;
    return options.exclude?.matches(name) === true
      ? []
      : [{ source: real, below: '' as ByteString, stat: match.stat }];
  }
  const items: CopyItem[] = [];
  using folder = tree.root.sub(real);
  await walk({ ...options, tree, items, start: real }, folder, '' as ByteString);
  return items;
}

interface Walk extends WalkOptions {
  readonly tree: SourceTree;
  readonly items: CopyItem[];
  /** Path of the folder that the walk began in. */
  readonly start: ByteString;
}

/**
 * Returns whether anything below was taken. A folder that is left out itself is entered only while something in it may
 * be taken after all, and counts only if it is.
 */
async function walk(state: Walk, folder: RootDir, below: ByteString): Promise<boolean> {
  let any = false;
  for (const name of folder.list('' as ByteString)) {
    await state.breath.due();
    const path = join(below, name);
    const source = join(state.start, path);
    const stat = folder.tryLstat(name);
    // Sockets mean nothing once copied; what vanished since the listing was never there.
    if (stat === undefined || stat.type === 'socket') continue;
    const wanted = state.include === undefined || state.include.matches(path);
    const hidden = state.tree.ignore?.matches(source) === true || state.exclude?.matches(path) === true;
    if (stat.type !== 'directory') {
      if (hidden || !wanted) continue;
      state.items.push({ source, below: path, stat });
      any = true;
      continue;
    }
    if (hidden && canSkip(state, source, path)) continue;
    if (!wanted && !state.include.couldMatchBelow(path)) continue;
    const position = state.items.push({ source, below: path, stat }) - 1;
    using child = folder.sub(name);
    const kept = await walk(state, child, path);
    if ((hidden || !wanted) && !kept) state.items.splice(position, 1);
    else any = true;
  }
  return any;
}

function canSkip(state: Walk, source: ByteString, path: ByteString): boolean {
  const ignored = state.tree.ignore?.matches(source) === true && state.tree.ignore.canSkipDirectory(source);
  const excluded = state.exclude?.matches(path) === true && state.exclude.canSkipDirectory(path);
  return ignored || excluded;
}

function join(folder: ByteString, name: ByteString): ByteString {
  return (folder === '' ? name : `${folder}/${name}`) as ByteString;
}

function stripSlash(path: ByteString): ByteString {
  return path.replace(/^\/+/, '') as ByteString;
}
