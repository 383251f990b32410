import { close, constants, fchmodSync, ftruncateSync, writeSync } from 'node:fs';

import { fromText, type ByteString } from '../core/index.ts';
import { addon } from './addon.ts';
import { checked, checkedBytes, errno, errnoError } from './errno.ts';
import {
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  O_PATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
} from './flags.ts';
import { readEntries, readNames, type FolderEntries } from './folder-entries.ts';
import {
  here,
  isMissing,
  isSymlink,
  linkText,
  lstatAt,
  makeMissing,
  readUpTo,
  requireFile,
  split,
  statOf,
  whole,
} from './name-calls.ts';
import { removeTree } from './remove-tree.ts';
import { resolvePath } from './resolve-path.ts';
import type { FileStat, FileTime, RootDir } from './rootdir.ts';

const inRoot = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
const directoryRead = constants.O_RDONLY | constants.O_DIRECTORY;
const directoryPath = O_PATH | constants.O_DIRECTORY;

/** Opens a host directory (following host symlinks, this once) as a root. Throws errno errors. */
export function openRootDir(hostPath: string): RootDir {
  const path = fromText(hostPath);
  return rootDirOf(checked(addon().openat2(AT_FDCWD, path, directoryPath, 0, 0), 'open', path));
}

/** Takes over the directory descriptor: disposing of the root closes it. */
export function rootDirOf(fd: number): RootDir {
  return new OpenRootDir(fd);
}

/**
 * The same for a mount that is gone with its descriptor and that nothing has to be gone for: another thread closes it,
 * since the kernel waits for an RCU grace period then.
 */
export function rootDirOfMount(fd: number): RootDir {
  return new OpenRootDir(fd, (mount) => close(mount, () => undefined));
}

class OpenRootDir implements RootDir {
  readonly fd: number;
  readonly #close: (fd: number) => unknown;
  #closed = false;

  constructor(fd: number, close: (fd: number) => unknown = addon().close) {
    this.fd = fd;
    this.#close = close;
  }

  [Symbol.dispose](): void {
    // Closing a number twice would close a stranger's file.
    if (this.#closed) return;
    this.#closed = true;
    this.#close(this.fd);
  }

  lstat(path: ByteString): FileStat {
    const result = this.#at(path, lstatAt);
    if (typeof result === 'number') throw errnoError(-result, 'lstat', path);
    return result;
  }

  tryLstat(path: ByteString): FileStat | undefined {
    try {
      const result = this.#at(path, lstatAt);
      if (typeof result !== 'number') return result;
      if (isMissing(result)) return undefined;
      throw errnoError(-result, 'lstat', path);
    } catch (error) {
      if (error instanceof Error && 'errno' in error && isMissing(error.errno)) return undefined;
      throw error;
    }
  }

  stat(path: ByteString): FileStat {
    return this.#opened(path, O_PATH, 'stat', (fd) => statOf(fd, path));
  }

  resolve(path: ByteString): ByteString {
    return resolvePath(path, (link) => this.#tryReadlink(link));
  }

  list(path: ByteString): ByteString[] {
    return this.#opened(path, directoryRead, 'list', (fd) => readNames(fd, path));
  }

  entries(path: ByteString): FolderEntries {
    return this.#opened(path, directoryRead, 'list', (fd) => readEntries(fd, path));
  }

  readlink(path: ByteString): ByteString {
    return checkedBytes(this.#at(path, addon().readlinkat), 'readlink', path);
  }

  read(path: ByteString, limit: number): Buffer {
    // The first look has no effect on a device, where even opening may have one.
    requireFile(this.stat(path), 'read', path);
    const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
    return this.#opened(path, flags, 'read', (fd) => {
      const stat = statOf(fd, path);
      requireFile(stat, 'read', path);
      return readUpTo(fd, { size: stat.size, limit, path });
    });
  }

  open(path: ByteString, flags: number, mode = 0): number {
    const creates = (flags & (constants.O_CREAT | temporaryFile)) !== 0;
    return checked(addon().openat2(this.fd, whole(path), flags, creates ? mode : 0, inRoot), 'open', path);
  }

  sub(path: ByteString): RootDir {
    return rootDirOf(this.#open(path, directoryPath, 'open'));
  }

  mkdir(path: ByteString, mode: number): void {
    this.#change('mkdir', path, (fd, name) => {
      const result = addon().mkdirat(fd, name, 0o700);
      return result < 0 ? result : addon().fchmodat(fd, name, mode);
    });
  }

  mkdirAll(
    path: ByteString,
    attributes: { readonly mode: number; readonly uid: number; readonly gid: number },
  ): ByteString[] {
    return makeMissing(this.fd, this.resolve(path), attributes);
  }

  symlink(target: ByteString, path: ByteString): void {
    this.#change('symlink', path, (fd, name) => addon().symlinkat(target, fd, name));
  }

  link(existing: ByteString, path: ByteString): void {
    this.#change('link', path, (fd, name) =>
      this.#at(existing, (from, source) => addon().linkat(from, source, fd, name, 0)),
    );
  }

  mknod(
    path: ByteString,
    node: {
      readonly type: 'char' | 'block' | 'fifo';
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    },
  ): void {
    this.#change('mknod', path, (fd, name) => {
      const result = addon().mknodat(fd, name, nodeTypes[node.type] | 0o600, node.major, node.minor);
      return result < 0 ? result : addon().fchmodat(fd, name, node.mode);
    });
  }

  write(path: ByteString, bytes: Uint8Array, mode: number): void {
    const fd = this.#at(path, (directory, name) => {
      const found = lstatAt(directory, name);
      // Writing to a device or waiting for a pipe's reader is never meant.
      if (typeof found !== 'number') requireFile(found, 'write', path);
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
      return checked(addon().openat2(directory, name, flags, 0o600, inRoot), 'write', path);
    });
    try {
      requireFile(statOf(fd, path), 'write', path);
      ftruncateSync(fd, 0);
      for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
      fchmodSync(fd, mode);
    } finally {
      addon().close(fd);
    }
  }

  rename(from: ByteString, to: ByteString): void {
    this.#change('rename', from, (directory, name) =>
      this.#at(to, (toDirectory, toName) => addon().renameat2(directory, name, toDirectory, toName, 0)),
    );
  }

  unlink(path: ByteString): void {
    this.#change('unlink', path, (fd, name) => addon().unlinkat(fd, name, 0));
  }

  rmdir(path: ByteString): void {
    this.#change('rmdir', path, (fd, name) => addon().unlinkat(fd, name, AT_REMOVEDIR));
  }

  removeAll(path: ByteString): void {
    try {
      this.#at(path, (fd, name) => {
        if (name === here) throw errnoError(errno.EINVAL, 'remove', path);
        removeTree(fd, name);
      });
    } catch (error) {
      if (error instanceof Error && 'errno' in error && isMissing(error.errno)) return;
      throw error;
    }
  }

  chmod(path: ByteString, mode: number): void {
    this.#change('chmod', path, (fd, name) => {
      const result = addon().fchmodat(fd, name, mode);
      return result === -errno.EOPNOTSUPP && isSymlink(fd, name) ? 0 : result;
    });
  }

  chown(path: ByteString, uid: number, gid: number): void {
    this.#change('chown', path, (fd, name) => addon().fchownat(fd, name, uid, gid, AT_SYMLINK_NOFOLLOW));
  }

  setTimes(path: ByteString, mtime: FileTime): void {
    const { seconds, nanos = 0 } = mtime;
    this.#change('utimens', path, (fd, name) =>
      addon().utimensat(fd, name, seconds, nanos, AT_SYMLINK_NOFOLLOW),
    );
  }

  listXattrs(path: ByteString): ByteString[] {
    const result = this.#at(path, addon().listxattr);
    if (result === '' || result === -errno.EOPNOTSUPP) return [];
    return checkedBytes(result, 'listxattr', path).slice(0, -1).split('\0').sort() as ByteString[];
  }

  getXattr(path: ByteString, name: ByteString): ByteString | undefined {
    const result = this.#at(path, (fd, file) => addon().getxattr(fd, file, name));
    if (result === -errno.ENODATA || result === -errno.EOPNOTSUPP) return undefined;
    return checkedBytes(result, 'getxattr', path);
  }

  setXattr(path: ByteString, name: ByteString, value: ByteString): void {
    this.#change('setxattr', path, (fd, file) => addon().setxattr(fd, file, name, value));
  }

  removeXattr(path: ByteString, name: ByteString): void {
    this.#change('removexattr', path, (fd, file) => addon().removexattr(fd, file, name));
  }

  /**
   * Calls with the directory that holds the last component and that component's name, which is a single name: the
   * directory was resolved inside the root and the name is no way out of it. A path that ends in no name (the root,
   * `..`) is a directory for certain and is given as itself and `.`.
   */
  #at<T>(path: ByteString, use: (directory: number, name: ByteString) => T): T {
    const { parent, name } = split(path);
    if (parent === '') return use(this.fd, name);
    const directory = checked(addon().openat2(this.fd, parent, directoryPath, 0, inRoot), 'open', path);
    try {
      return use(directory, name);
    } finally {
      addon().close(directory);
    }
  }

  #change(syscall: string, path: ByteString, call: (directory: number, name: ByteString) => number): void {
    checked(this.#at(path, call), syscall, path);
  }

  #open(path: ByteString, flags: number, doing: string): number {
    return checked(addon().openat2(this.fd, whole(path), flags, 0, inRoot), doing, path);
  }

  /** Opens what the path is, for as long as the use of it takes. */
  #opened<T>(path: ByteString, flags: number, doing: string, use: (fd: number) => T): T {
    const fd = this.#open(path, flags, doing);
    try {
      return use(fd);
    } finally {
      addon().close(fd);
    }
  }

  #tryReadlink(path: ByteString): ByteString | undefined {
    const { parent, name } = split(path);
    if (parent === '') return linkText(addon().readlinkat(this.fd, name), path);
    const directory = addon().openat2(this.fd, parent, directoryPath, 0, inRoot);
    if (isMissing(directory)) return undefined;
    try {
      return linkText(addon().readlinkat(checked(directory, 'open', path), name), path);
    } finally {
      if (directory >= 0) addon().close(directory);
    }
  }
}

const nodeTypes = { char: constants.S_IFCHR, block: constants.S_IFBLK, fifo: constants.S_IFIFO };
const temporaryFile = 0o20000000;
