import { fromText, isErrno } from '../core/index.ts';
import { openRootDir, type FileStat, type FileTime, type RootDir } from '../sys/index.ts';
import type { CreatedPoint, RootfsSource } from './types.ts';

/**
 * Takes away the mount points that were made for one run (R-49, S-31): only what is still as empty as it was made, by the
 * last name of a path without links, and with the parent's time put back unless the program changed the parent, too.
 */
export function removeCreatedPoints(rootfs: RootfsSource, created: readonly CreatedPoint[]): void {
  if (created.length === 0) return;
  using root = openRootDir(rootfs.kind === 'overlay' ? rootfs.overlay.upper : rootfs.path);
  for (const point of created.toReversed()) removePoint(root, point);
}

function removePoint(root: RootDir, { path, directory, parentBefore, parentAfter }: CreatedPoint): void {
  const name = fromText(path);
  const above = fromText(path.slice(0, path.lastIndexOf('/')) || '/');
  const stat = root.tryLstat(name);
  const parent = root.tryLstat(above);
  if (stat === undefined || parent === undefined || !isAsMade(stat, directory)) return;
  try {
    if (directory) root.rmdir(name);
    else root.unlink(name);
  } catch (error) {
    if (isErrno(error, 'ENOTEMPTY', 'ENOENT')) return;
    throw error;
  }
  root.setTimes(above, hasTime(parent, parentAfter) ? parentBefore : timeOf(parent));
}

function isAsMade(stat: FileStat, directory: boolean): boolean {
  return directory ? stat.type === 'directory' : stat.type === 'file' && stat.size === 0 && stat.links === 1;
}

function hasTime(stat: FileStat, { seconds, nanos = 0 }: FileTime): boolean {
  return stat.mtime === seconds && stat.mtimeNanos === nanos;
}

function timeOf({ mtime, mtimeNanos }: FileStat): FileTime {
  return { seconds: mtime, nanos: mtimeNanos };
}
