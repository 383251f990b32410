import { existsSync, mkdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';

import { isErrno, sha256Hex } from '../core/index.ts';
import { makeFolder, makeScratchFolder } from '../sys/index.ts';

/** A mount point that an image may lack. `path` is absolute, without `.` and `..`. */
export interface StubTarget {
  readonly path: string;
  readonly directory: boolean;
}

/** Mount points of every container. */
export const commonStubs: readonly StubTarget[] = [
  { path: '/dev', directory: true },
  { path: '/proc', directory: true },
  { path: '/sys', directory: true },
];

/** Every name of a tree of stubs, parents first: what a container may find below an image that has none of it. */
export function stubEntries(targets: readonly StubTarget[]): StubTarget[] {
  const entries = new Map<string, boolean>();
  for (const { path, directory } of targets) {
    const clean = posix.resolve('/', path);
    const parts = clean.split('/').filter(Boolean);
    for (let end = 1; end <= parts.length; end++) {
      const prefix = `/${parts.slice(0, end).join('/')}`;
      entries.set(prefix, end < parts.length || directory || entries.get(prefix) === true);
    }
  }
  return [...entries]
    .map(([path, directory]) => ({ path, directory }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * A host folder that holds exactly these empty folders (0755) and files (0644), owned by root, with the time zero. It is
 * the lowest layer of a container's overlay: the mount points exist, and none of them ever shows in the upper. Made
 * once for each set of targets and shared by all containers; returns its path below `folder`.
 */
export function ensureStubs(folder: string, targets: readonly StubTarget[]): string {
  const entries = stubEntries(targets);
  const name = sha256Hex(JSON.stringify(entries)).slice(0, 32);
  const path = join(folder, name);
  if (existsSync(path)) return path;
  makeFolder(folder, 0o700);
  using scratch = makeScratchFolder(folder);
  const fresh = join(scratch.path, name);
  writeStubs(fresh, entries);
  try {
    renameSync(fresh, path);
  } catch (error) {
    // Another builder was faster: the name says what is inside, so theirs is as good.
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
  }
  return path;
}

function writeStubs(root: string, entries: readonly StubTarget[]): void {
  mkdirSync(root, { mode: 0o755 });
  for (const { path, directory } of entries) {
    if (directory) mkdirSync(join(root, path), { mode: 0o755 });
    else writeFileSync(join(root, path), '', { mode: 0o644, flag: 'wx' });
  }
  // Bottom up, since making an entry touches its parent.
  for (const { path } of entries.toReversed()) utimesSync(join(root, path), 0, 0);
  utimesSync(root, 0, 0);
}
