import {
  fromText,
  isErrno,
  nearestName,
  toText,
  TsbuildError,
  type ByteString,
} from '../../../core/index.ts';
import type { FileStat, RootDir } from '../../../sys/index.ts';
import { childOf, parentOf } from '../../copy/destination.ts';

/** One side of a copy: a tree, and a path in it as the user wrote it, made absolute. */
export interface CopySide {
  readonly root: RootDir;
  readonly path: string;
  /** As the user wrote it, for messages. */
  readonly shown: string;
  /** What the file or folder is called there, where the tree has it under another name. */
  readonly name?: string | undefined;
  /**
   * Where something is mounted in another mount namespace: there the kernel takes a mount away together with the name that
   * it is mounted on.
   */
  readonly mountPoints?: ReadonlySet<ByteString> | undefined;
}

export interface CopySourcePlace {
  /** Without symlinks on the way; its last component is one only where that itself is copied. */
  readonly path: ByteString;
  readonly stat: FileStat;
  /** What it is called in a folder that it is copied into; empty for the root. */
  readonly name: ByteString;
  /** `folder/.`: what is in it, and not itself. */
  readonly contentsOnly: boolean;
}

/**
 * What a source stands for. A symlink is itself, unless it is to be followed or a `/` behind it says that it is a
 * folder. Throws COPY_SOURCE_NOT_FOUND, COPY_FAILED.
 */
export function sourcePlace({ root, path, shown, name }: CopySide, follow: boolean): CopySourcePlace {
  const last = lastName(path);
  const isFolder = endsAsFolder(path);
  const follows = follow || isFolder || last === '..';
  const resolved = inTree(shown, () => {
    const whole = fromText(path);
    if (follows || last === '') return root.resolve(whole);
    const folder = path.replace(/\/+$/, '').slice(0, -last.length);
    return childOf(root.resolve(fromText(folder)), fromText(last));
  });
  const stat = inTree(shown, () => root.tryLstat(resolved));
  if (stat === undefined) {
    throw new TsbuildError('COPY_SOURCE_NOT_FOUND', `${shown} does not exist`, {
      hint: nearHint(root, resolved),
    });
  }
  if (isFolder && stat.type !== 'directory') throw failed(`${shown} is no folder`);
  const named = name ?? (/^\.{0,2}$/.test(last) ? lastName(toText(resolved)) : last);
  const contentsOnly = stat.type === 'directory' && (/(^|\/)\.$/.test(path) || named === '');
  return { path: resolved, stat, name: fromText(named), contentsOnly };
}

export interface CopyTargetPlace {
  /** Where the source goes: its folder exists, and so may it. */
  readonly path: ByteString;
  /** The folder exists, and was named itself: its own attributes stay. */
  readonly isGiven: boolean;
}

/**
 * Where a source goes by the rules of `docker cp`: into a folder that exists, under its own name unless only its contents
 * are copied; else to the very path, whose folder must exist. Symlinks of the destination are followed, the last one too.
 * Throws COPY_FAILED.
 */
export function targetPlace({ root, path, shown }: CopySide, source: CopySourcePlace): CopyTargetPlace {
  const { resolved, existing } = inTree(shown, () => {
    const found = root.resolve(fromText(path));
    return { resolved: found, existing: root.tryLstat(found) };
  });
  const isFolder = source.stat.type === 'directory';
  if (existing?.type === 'directory') {
    if (source.contentsOnly) return { path: resolved, isGiven: true };
    return { path: childOf(resolved, source.name), isGiven: false };
  }
  if (existing !== undefined) {
    if (endsAsFolder(path)) throw failed(`${shown} is no folder`);
    if (isFolder) throw failed(`cannot copy a folder onto the file ${shown}`);
    // Nobody who writes /dev/null means that a file shall take its place.
    if (existing.type !== 'file' && existing.type !== 'symlink')
      throw failed(`${shown} is no regular file, and is not replaced by one`);
    return { path: resolved, isGiven: false };
  }
  if (!isFolder && endsAsFolder(path))
    throw failed(`the folder ${shown} does not exist`, nearHint(root, resolved));
  const above = parentOf(resolved);
  if (inTree(shown, () => root.tryLstat(above))?.type !== 'directory') {
    throw failed(`the folder of ${shown} does not exist`, nearHint(root, above) ?? 'make it first');
  }
  return { path: resolved, isGiven: false };
}

/** The folder that a tar stream is unpacked into. Throws COPY_FAILED. */
export function targetFolder({ root, path, shown }: CopySide): ByteString {
  const resolved = inTree(shown, () => root.resolve(fromText(path)));
  const existing = inTree(shown, () => root.tryLstat(resolved));
  if (existing?.type === 'directory') return resolved;
  const what = existing === undefined ? 'does not exist' : 'is no folder';
  throw failed(`${shown} ${what}`, existing === undefined ? nearHint(root, resolved) : undefined);
}

/** `a/` and `a/.` can only be folders. */
function endsAsFolder(path: string): boolean {
  return /(^|\/)\.?$/.test(path);
}

function lastName(path: string): string {
  return path.replace(/\/+$/, '').replace(/^.*\//s, '');
}

function failed(message: string, hint?: string): TsbuildError {
  return new TsbuildError('COPY_FAILED', message, { hint });
}

/** Paths that lead in circles, or through files, are as good as missing. */
function inTree<T>(shown: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!isErrno(error, 'ELOOP', 'ENOTDIR', 'ENAMETOOLONG', 'EINVAL')) throw error;
    throw new TsbuildError('COPY_SOURCE_NOT_FOUND', `${shown} leads nowhere`, { cause: error });
  }
}

function nearHint(root: RootDir, path: ByteString): string | undefined {
  const folder = parentOf(path);
  try {
    const near = nearestName(lastName(toText(path)), root.list(folder).map(toText));
    return near === undefined ? undefined : `did you mean ${toText(childOf(folder, fromText(near)))}?`;
  } catch {
    return undefined;
  }
}
