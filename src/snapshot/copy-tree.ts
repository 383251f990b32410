import { closeSync, constants, fchmodSync, fchownSync, readSync, writeSync } from 'node:fs';

import type { ByteString } from '../core/index.ts';
import { copyContent, type FileStat, type RootDir } from '../sys/index.ts';
import type { Breath } from './breath.ts';
import { isLayerXattr } from './layer-xattrs.ts';

const here = '.' as ByteString;

/**
 * Copies all of a tree, its root's attributes included, into an empty folder; blocks are shared where the file system
 * can. A file of several names becomes several files, as overlay has it when one of them is written to: else a change
 * under one name would change the others, and layers would not be those of the overlay driver. No link is followed.
 */
export async function copyWholeTree(from: RootDir, to: RootDir, breath: Breath): Promise<void> {
  for (const name of from.list(here)) {
    await breath.due();
    const stat = from.lstat(name);
    if (stat.type === 'directory') {
      to.mkdir(name, 0o700);
      using source = from.sub(name);
      using target = to.sub(name);
      await copyWholeTree(source, target, breath);
    } else if (stat.type !== 'socket') {
      copyEntry({ from, to }, name, stat);
    }
  }
  setAttributes({ from, to }, here, from.lstat(here));
}

interface Pair {
  readonly from: RootDir;
  readonly to: RootDir;
}

function copyEntry(pair: Pair, name: ByteString, stat: FileStat): void {
  const { from, to } = pair;
  const { type, major, minor } = stat;
  if (type === 'file') copyFile(pair, name, stat);
  else if (type === 'symlink') to.symlink(from.readlink(name), name);
  else if (type !== 'directory' && type !== 'socket') to.mknod(name, { type, mode: 0o600, major, minor });
  setAttributes(pair, name, stat);
}

/** One regular file, with owner and mode; nothing of that name is there yet. */
export function copyFile({ from, to }: Pair, name: ByteString, { uid, gid, mode, size }: FileStat): void {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_WRONLY, O_CREAT, O_EXCL } = constants;
  const target = to.open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    if (size > 0) {
      const source = from.open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      try {
        if (!copyContent(source, target)) copyBytes(source, target);
      } finally {
        closeSync(source);
      }
    }
    fchownSync(target, uid, gid);
    fchmodSync(target, mode);
  } finally {
    closeSync(target);
  }
}

function copyBytes(source: number, target: number): void {
  const buffer = Buffer.allocUnsafe(1 << 20);
  for (;;) {
    const length = readSync(source, buffer);
    if (length === 0) return;
    for (let written = 0; written < length;) written += writeSync(target, buffer, written, length - written);
  }
}

/** Owner first: a change of owner clears set-id bits and capabilities. Time last: everything else may change it. */
function setAttributes({ from, to }: Pair, name: ByteString, stat: FileStat): void {
  if (stat.type !== 'file') to.chown(name, stat.uid, stat.gid);
  if (stat.type !== 'symlink') {
    for (const xattr of from.listXattrs(name).filter(isCarried)) {
      const value = from.getXattr(name, xattr);
      if (value !== undefined) to.setXattr(name, xattr, value);
    }
    if (stat.type !== 'file') to.chmod(name, stat.mode);
  }
  to.setTimes(name, { seconds: stat.mtime, nanos: stat.mtimeNanos });
}

/** Those of layers, and the access lists that overlay shows of its lower layers. */
function isCarried(name: ByteString): boolean {
  return isLayerXattr(name) || name.startsWith('system.posix_acl_');
}
