import { closeSync, constants, fstatSync, readSync, type BigIntStats } from 'node:fs';

import { createDigester, isErrno, TsbuildError, toText, type Digest } from '../../core/index.ts';
import type { Breath } from '../../snapshot/index.ts';
import type { RootDir } from '../../sys/index.ts';
import type { CopyItem } from './walk.ts';

const chunkSize = 1 << 20;

export interface ReadOptions {
  readonly breath: Breath;
  readonly take: (bytes: Uint8Array) => void;
  /** It may be written to meanwhile, and is read as it comes, up to the size that it had at first. */
  readonly living?: boolean | undefined;
  /** Told of the file, still open, when all of it was read and it did not change meanwhile. */
  readonly seen?: ((fd: number, stat: BigIntStats) => void) | undefined;
}

/** Reads a source file from start to end. O_NOFOLLOW and the type check: what was a file may be a link or a pipe by now (S-40). */
export async function readSource(
  root: RootDir,
  item: CopyItem,
  { breath, take, living = false, seen }: ReadOptions,
): Promise<void> {
  const fd = openSource(root, item);
  try {
    const before = fstatSync(fd, { bigint: true });
    if (!before.isFile()) throw changed(item);
    // Not shared: other copies go on while this one lets the event loop turn. At least a byte, to notice growth.
    const chunk = Buffer.allocUnsafeSlow(Math.min(Number(before.size) + 1, chunkSize));
    // Files of the kernel (/proc) have no size, and an end of their own.
    let left = living && before.size > 0n ? Number(before.size) : Infinity;
    while (left > 0) {
      const length = readSync(fd, chunk, 0, Math.min(chunk.length, left), null);
      if (length === 0) break;
      take(chunk.subarray(0, length));
      left -= length;
      await breath.due();
    }
    if (!living && !sameVersion(before, fstatSync(fd, { bigint: true }))) throw changed(item);
    seen?.(fd, before);
  } finally {
    closeSync(fd);
  }
}

function openSource(root: RootDir, item: CopyItem): number {
  return unlessGone(item, () =>
    root.open(item.source, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK),
  );
}

/** What was listed and now is not there, or is a link, has changed like any other. */
export function unlessGone<T>(item: CopyItem, action: () => T): T {
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
    ((digest: Digest, file: { readonly fd: number; readonly stat: BigIntStats }) => void) | undefined;
}

export async function contentDigestOf(
  root: RootDir,
  item: CopyItem,
  { breath, seen }: ContentOptions,
): Promise<Digest> {
  const digester = createDigester();
  let digest: Digest | undefined;
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

export function sameVersion(a: BigIntStats, b: BigIntStats): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;
}

/** A cached copy must hold what its key says (design decision 11). */
export function changed(item: CopyItem, cause?: unknown): TsbuildError {
  return new TsbuildError('CONTEXT_CHANGED', `${toText(item.source)} changed while it was being copied`, {
    hint: 'let other programs finish writing there, then build again',
    cause,
  });
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
