import { closeSync, constants, readSync } from 'node:fs';

import { createDigester, digestOf, isErrno, TsbuildError, toText, type Digest } from '../../core/index.ts';
import type { Breath } from '../../snapshot/index.ts';
import { readAhead, statOfDescriptor, type FileStat, type RootDir } from '../../sys/index.ts';
import type { CopyItem } from './walk.ts';

/** Larger files are read ahead, a piece while the last is worked on. */
export const largeSize = 1 << 20;
/** Up to this size a file is read in one go, into one buffer again and again. */
const smallSize = 64 * 1024;
let scratch: Buffer | undefined;

interface PieceOptions {
  /** It may be written to meanwhile, and is read as it comes, up to the size that it had at first. */
  readonly living?: boolean | undefined;
  /** Told of the file, still open, when all of it was read and it did not change meanwhile. */
  readonly seen?: ((fd: number, stat: FileStat) => void) | undefined;
}

export interface ReadOptions extends PieceOptions {
  readonly breath: Breath;
  /** The bytes are valid until it returns, or what it returns is settled. */
  readonly take: (bytes: Uint8Array) => void | Promise<void>;
}

/** Reads a source file from start to end. */
export async function readSource(
  root: RootDir,
  item: CopyItem,
  { breath, take, ...options }: ReadOptions,
): Promise<void> {
  for await (const bytes of sourcePieces(root, item, options)) {
    await take(bytes);
    await breath.due();
  }
}

/**
 * A source file from start to end; each piece is valid until the next is asked for. O_NOFOLLOW and the type check: what
 * was a file may be a link or a pipe by now (S-40).
 */
export async function* sourcePieces(
  root: RootDir,
  item: CopyItem,
  { living = false, seen }: PieceOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const fd = openSource(root, item);
  try {
    const before = statOfDescriptor(fd);
    if (before.type !== 'file') throw changed(item);
    // Files of the kernel (/proc) have no size, and an end of their own.
    const most = living && before.size > 0 ? before.size : Infinity;
    yield* before.size > largeSize ? readAhead(fd, most) : piecesOf(fd, before.size, most);
    if (!living && !sameVersion(before, statOfDescriptor(fd))) throw changed(item);
    seen?.(fd, before);
  } finally {
    closeSync(fd);
  }
}

function* piecesOf(fd: number, size: number, most: number): Generator<Uint8Array, void, undefined> {
  // Not shared: other copies go on while this one lets the event loop turn. At least a byte, to notice growth.
  const chunk = Buffer.allocUnsafeSlow(size + 1);
  for (let left = most; left > 0;) {
    const length = readSync(fd, chunk, 0, Math.min(chunk.length, left), null);
    if (length === 0) return;
    yield chunk.subarray(0, length);
    left -= length;
  }
}

/**
 * As `readSource`, of a file that is small, without ever waiting. Gives what `use` makes of the
 * bytes, which are valid until it returns; undefined where the file is to be read in the other way.
 */
export function readSmallSource<T>(
  root: RootDir,
  item: CopyItem,
  use: (bytes: Uint8Array, fd: number, stat: FileStat) => T,
  { living = false }: Pick<PieceOptions, 'living'> = {},
): T | undefined {
  if (item.stat.size > smallSize) return undefined;
  const buffer = (scratch ??= Buffer.allocUnsafeSlow(smallSize + 1));
  const fd = openSource(root, item);
  try {
    const before = statOfDescriptor(fd);
    if (before.type !== 'file') throw changed(item);
    // At once: one call ends every file but those that are written to, or made up by the kernel as they are read.
    if (before.size > smallSize || readSync(fd, buffer, 0, buffer.length, null) !== before.size)
      return undefined;
    if (!living && !sameVersion(before, statOfDescriptor(fd))) throw changed(item);
    return use(buffer.subarray(0, before.size), fd, before);
  } finally {
    closeSync(fd);
  }
}

/** The time of reading is left as it is where that is allowed: noting it makes every file's inode a thing to write. */
function openSource(root: RootDir, item: CopyItem): number {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  return unlessGone(item, () => {
    try {
      return root.open(item.source, flags | constants.O_NOATIME);
    } catch (error) {
      if (!isErrno(error, 'EPERM')) throw error;
      return root.open(item.source, flags); // another user's
    }
  });
}

/** What was listed and now is not there, or is a link, has changed like any other. */
export function unlessGone<T>(item: Pick<CopyItem, 'source'>, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'EISDIR', 'EINVAL')) throw changed(item, error);
    throw error;
  }
}

export interface ContentOptions {
  readonly breath: Breath;
  /** Told of the file, still open, whose content that is. */
  readonly seen?:
    ((digest: Digest, file: { readonly fd: number; readonly stat: FileStat }) => void) | undefined;
}

export async function contentDigestOf(
  root: RootDir,
  item: CopyItem,
  { breath, seen }: ContentOptions,
): Promise<Digest> {
  const small = readSmallSource(root, item, (bytes, fd, stat) => {
    const digest = digestOf(bytes);
    seen?.(digest, { fd, stat });
    return digest;
  });
  if (small !== undefined) return small;
  let digest: Digest | undefined;
  const digester = createDigester();
  await readSource(root, item, {
    breath,
    take: (bytes) => digester.update(bytes),
    seen(fd, stat) {
      digest = digester.digest();
      seen?.(digest, { fd, stat });
    },
  });
  return digest ?? digester.digest();
}

export function sameVersion(a: FileStat, b: FileStat): boolean {
  return (
    a.size === b.size &&
    a.mtime === b.mtime &&
    a.mtimeNanos === b.mtimeNanos &&
    a.ctime === b.ctime &&
    a.ctimeNanos === b.ctimeNanos
  );
}

/** A cached copy must hold what its key says (design decision 11). */
export function changed(item: Pick<CopyItem, 'source'>, cause?: unknown): TsbuildError {
  return new TsbuildError(
    'CONTEXT_CHANGED',
    `${toText(item.source) || 'the folder'} changed while it was being copied`,
    {
      hint: 'let other programs finish writing there, then build again',
      cause,
    },
  );
}

/** Reads once more what changed while it was read: the context may have been saved to just then (S-75). */
export async function onceMoreIfChanged<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof TsbuildError) || error.code !== 'CONTEXT_CHANGED') throw error;
    return action();
  }
}
