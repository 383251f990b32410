import type { ByteString } from '../core/index.ts';
import type { FolderEntries } from './folder-entries.ts';

export type FileType = 'file' | 'directory' | 'symlink' | 'char' | 'block' | 'fifo' | 'socket';

export interface FileStat {
  readonly type: FileType;
  /** Permission and set-id bits, 0…07777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Seconds since the epoch, may be negative, and the nanoseconds above them. */
  readonly mtime: number;
  readonly mtimeNanos: number;
  /** The same of the last change of content or attributes, which nobody but the kernel sets. */
  readonly ctime: number;
  readonly ctimeNanos: number;
  readonly major: number;
  readonly minor: number;
  /** Names the inode within the machine: `dev:ino`. */
  readonly inode: string;
  readonly links: number;
}

/** What `setTimes` sets. */
export interface FileTime {
  readonly seconds: number;
  readonly nanos?: number | undefined;
}

/**
 * A directory opened as the root of an untrusted tree (design decision 13). Paths are relative to it, a leading `/`
 * and `..` stay inside, symlinks of the directory part resolve inside as if it were `/`, magic links are refused.
 * The last component is never followed, except where a method says so. All calls are synchronous and throw errno errors
 * (`code: 'ENOENT'` …) with the call and the path in the message.
 */
export interface RootDir extends Disposable {
  /** O_PATH or O_RDONLY directory descriptor. */
  readonly fd: number;
  lstat(path: ByteString): FileStat;
  /** Undefined when it does not exist. */
  tryLstat(path: ByteString): FileStat | undefined;
  /** Follows the last component, inside the root. */
  stat(path: ByteString): FileStat;
  /** The path with every symlink resolved inside the root, last component included; absolute. Missing tails are kept as they are. */
  resolve(path: ByteString): ByteString;
  /** Names in a directory (following it), sorted bytewise, without `.` and `..`. */
  list(path: ByteString): ByteString[];
  /** Names in a directory (following it) with what each is. */
  entries(path: ByteString): FolderEntries;
  readlink(path: ByteString): ByteString;
  /** Whole content of a regular file (follows inside the root, opened O_NONBLOCK); larger than `limit` bytes throws EFBIG, anything but a regular file EINVAL. */
  read(path: ByteString, limit: number): Buffer;
  /** A descriptor, close-on-exec. `flags` as open(2) (node:fs constants); O_NOFOLLOW is up to the caller. */
  open(path: ByteString, flags: number, mode?: number): number;
  /** The directory opened as a root of its own, for walks by single names; following it. */
  sub(path: ByteString): RootDir;
  mkdir(path: ByteString, mode: number): void;
  /** Creates what is missing with the mode and owner, leaves what exists as it is (symlinks to directories inside included); returns the paths created, outermost first. */
  mkdirAll(
    path: ByteString,
    attributes: { readonly mode: number; readonly uid: number; readonly gid: number },
  ): ByteString[];
  symlink(target: ByteString, path: ByteString): void;
  /** Hard link; `existing` is not followed. */
  link(existing: ByteString, path: ByteString): void;
  mknod(
    path: ByteString,
    node: {
      readonly type: 'char' | 'block' | 'fifo';
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    },
  ): void;
  /** Creates or truncates a regular file (O_NOFOLLOW) and writes all bytes. */
  write(path: ByteString, bytes: Uint8Array, mode: number): void;
  rename(from: ByteString, to: ByteString): void;
  unlink(path: ByteString): void;
  rmdir(path: ByteString): void;
  /** Removes whatever is there, tree and all, never through a symlink, never across a mount; missing is fine. */
  removeAll(path: ByteString): void;
  /** Never follows: a symlink's mode cannot be set and is left alone. */
  chmod(path: ByteString, mode: number): void;
  chown(path: ByteString, uid: number, gid: number): void;
  setTimes(path: ByteString, mtime: FileTime): void;
  listXattrs(path: ByteString): ByteString[];
  getXattr(path: ByteString, name: ByteString): ByteString | undefined;
  setXattr(path: ByteString, name: ByteString, value: ByteString): void;
  removeXattr(path: ByteString, name: ByteString): void;
}
