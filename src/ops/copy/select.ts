import {
  compareBytes,
  fromText,
  isErrno,
  nearestName,
  toText,
  TsbuildError,
  type ByteString,
} from '../../core/index.ts';
import { globMatch, hasWildcard, type IgnoreMatcher } from '../../dockerfile/index.ts';
import type { FileStat, RootDir } from '../../sys/index.ts';
import type { ModeChange } from './mode.ts';
import type { StatCache } from './stat-cache.ts';

/** A tree to copy from, and what of it is hidden. */
export interface SourceTree {
  readonly root: RootDir;
  /** For messages: `the build context`, `stage build`. */
  readonly name: string;
  readonly ignore?: IgnoreMatcher | undefined;
  readonly ignoreFile?: string | undefined;
  readonly missingHint?: string | undefined;
  /** What earlier builds read of it. */
  readonly known?: StatCache | undefined;
  /** What counts of a mode, for the key and the copy alike; all of it unless told. */
  readonly modeOf?: ModeChange | undefined;
}

/** Something that a source word stands for. */
export interface Match {
  /** Below the root, without leading slash; as named, so that its last component gives the name of a copied file. */
  readonly path: ByteString;
  /** Of what it is or points to: a symlink given as source is followed inside the root (L-167). */
  readonly stat: FileStat;
  /** Whether the word has wildcards. */
  readonly wildcard: boolean;
  /** As written, where somebody wrote it. */
  readonly word?: string | undefined;
}

/** What a source word stands for. Without wildcards it must exist (L-166). */
export function selectSource(tree: SourceTree, word: string): readonly Match[] {
  const clean = cleanSource(word);
  return hasWildcard(clean) ? expandWildcard(tree, clean, word) : [literal(tree, clean, word)];
}

/** What a path stands for in which wildcards mean nothing, as that of a mount. It must exist. */
export function selectPath(tree: SourceTree, path: string): Match {
  return literal(tree, cleanSource(path), path);
}

/** Throws COPY_SOURCE_NOT_FOUND unless the path, cleaned, is there and not ignored; a link may lead nowhere. */
export function requireSource(tree: SourceTree, clean: string, word: string): void {
  requireVisible(tree, fromText(clean), word);
  let there = false;
  try {
    there = tree.root.tryLstat(fromText(clean)) !== undefined;
  } catch (error) {
    if (!isErrno(error, 'ENOTDIR', 'ELOOP')) throw error;
  }
  if (!there) throw notFound(tree, clean, word);
}

/** Leading `/` and `../` are clamped at the root, a trailing `/` says nothing (L-162). */
export function cleanSource(word: string): string {
  const parts: string[] = [];
  for (const part of word.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

function literal(tree: SourceTree, clean: string, word: string): Match {
  requireVisible(tree, fromText(clean), word);
  const path = fromText(clean);
  let stat: FileStat;
  try {
    stat = tree.root.stat(path);
  } catch (error) {
    throw notFound(tree, clean, word, error);
  }
  requireVisible(tree, realPath(tree, path), word);
  if (stat.type === 'socket') {
    throw new TsbuildError(
      'COPY_SOURCE_NOT_FOUND',
      `${JSON.stringify(word)} is a socket, which cannot be copied`,
      { hint: 'exclude it: it means nothing in an image', fault: word },
    );
  }
  return { path, stat, wildcard: false, word };
}

function requireVisible(tree: SourceTree, path: ByteString, word: string): void {
  if (path === '' || tree.ignore?.matches(path) !== true || isVisibleFolder(tree, path)) return;
  throw new TsbuildError(
    'COPY_SOURCE_NOT_FOUND',
    `${JSON.stringify(word)} is excluded by ${tree.ignoreFile ?? 'the ignore file'}`,
    {
      hint: `remove the pattern that matches it, or add an exception: !${toText(path)}`,
      fault: word,
    },
  );
}

/** Where a path leads: what is ignored cannot be had through a link either. */
function realPath(tree: SourceTree, path: ByteString): ByteString {
  return tree.root.resolve(path).replace(/^\/+/, '') as ByteString;
}

function notFound(tree: SourceTree, clean: string, word: string, cause?: unknown): TsbuildError {
  return new TsbuildError('COPY_SOURCE_NOT_FOUND', `${JSON.stringify(word)} does not exist in ${tree.name}`, {
    hint: tree.missingHint ?? nearHint(tree, clean),
    fault: word,
    cause,
  });
}

/** An excluded folder still counts while an exception may show something below it. */
function isVisibleFolder(tree: SourceTree, path: ByteString): boolean {
  return tree.ignore?.canSkipDirectory(path) === false && tree.root.tryLstat(path)?.type === 'directory';
}

function nearHint(tree: SourceTree, clean: string): string | undefined {
  const slash = clean.lastIndexOf('/');
  const folder = slash < 0 ? '' : clean.slice(0, slash);
  const near = nearestName(clean.slice(slash + 1), namesIn(tree, folder));
  if (near !== undefined) return `did you mean ${folder === '' ? near : `${folder}/${near}`}?`;
  return 'paths are relative to the root of the build context, not to the Dockerfile';
}

function namesIn(tree: SourceTree, folder: string): readonly string[] {
  try {
    return tree.root.list(fromText(folder)).map(toText);
  } catch {
    return [];
  }
}

/**
 * Component by component; a wildcard never crosses `/`, and no match at all is no error (L-166). What stands before the
 * first wildcard is taken literally and must exist; below it links are matched by name, but not walked into.
 */
function expandWildcard(tree: SourceTree, pattern: string, word: string): readonly Match[] {
  const components = pattern.split('/');
  const first = components.findIndex(hasWildcard);
  const start = fromText(components.slice(0, first).join('/'));
  if (statOf(tree.root, start)?.type !== 'directory')
    throw notFound(tree, components.slice(0, first).join('/'), word);
  let found: ByteString[] = [start];
  components.slice(first).forEach((component, index, rest) => {
    const last = index === rest.length - 1;
    found = found
      .flatMap((folder) => matchesIn(tree, folder, component))
      .filter((path) => last || tree.root.tryLstat(path)?.type === 'directory');
  });
  return found
    .filter((path) => tree.ignore?.matches(path) !== true || isVisibleFolder(tree, path))
    .sort(compareBytes)
    .flatMap((path) => {
      const stat = statOf(tree.root, path);
      if (stat === undefined) throw notFound(tree, toText(path), word);
      const real = realPath(tree, path);
      if (tree.root.lstat(path).type === 'symlink') requireVisible(tree, real, word);
      else if (tree.ignore?.matches(real) === true && !isVisibleFolder(tree, real)) return [];
      return stat.type === 'socket' ? [] : [{ path, stat, wildcard: true, word }];
    });
}

function matchesIn(tree: SourceTree, folder: ByteString, component: string): ByteString[] {
  const join = (name: ByteString): ByteString => (folder === '' ? name : `${folder}/${name}`) as ByteString;
  if (!hasWildcard(component)) {
    const path = join(fromText(component));
    return tree.root.tryLstat(path) === undefined ? [] : [path];
  }
  return tree.root
    .list(folder)
    .filter((name) => globMatch(component, name))
    .map(join);
}

/** Undefined for a dangling symlink. */
function statOf(root: RootDir, path: ByteString): FileStat | undefined {
  try {
    return root.stat(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
}
