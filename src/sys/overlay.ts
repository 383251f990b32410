import { accessSync, constants, mkdirSync, readSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isMainThread } from 'node:worker_threads';

import { fromText, isErrno, TsbuildError } from '../core/index.ts';
import { addon } from './addon.ts';
import { checked, errno, errnoError } from './errno.ts';
import {
  AT_FDCWD,
  FSCONFIG_CMD_CREATE,
  FSCONFIG_SET_FLAG,
  FSCONFIG_SET_STRING,
  MOUNT_ATTR_RDONLY,
  O_PATH,
} from './flags.ts';
import { inUserNamespace } from './user-namespace.ts';

/** What an overlay mount is made of: absolute host paths; `lowers` top first. */
export interface OverlaySource {
  readonly lowers: readonly string[];
  readonly upper: string;
  readonly work: string;
}

/**
 * What every overlay of ours is mounted with: the host's defaults would change what an upper directory means
 * (renamed directories as redirects, files without content). Without `xino=off` inode numbers depend on the layers.
 */
export const overlayOptions: readonly (readonly [key: string, value: string])[] = [
  ['redirect_dir', 'off'],
  ['metacopy', 'off'],
  ['index', 'off'],
  ['xino', 'off'],
];

/** With `userxattr` the kernel has these off, and refuses to be told so. */
const offWithUserXattrs: ReadonlySet<string> = new Set(['redirect_dir', 'metacopy']);

/**
 * What the names of overlay's own extended attributes begin with: those of the machine's root may be `trusted.`, which
 * nobody in a user namespace can write; there the option `userxattr` makes them `user.` (Linux 5.11). What an ordinary user
 * sees outside of one has been made in one.
 */
export function overlayXattrPrefix(): 'trusted.overlay.' | 'user.overlay.' {
  return inUserNamespace() || process.geteuid?.() !== 0 ? 'user.overlay.' : 'trusted.overlay.';
}

/**
 * Mounts a writable overlay nowhere: the returned descriptor is the mount, and it is gone when the descriptor and all
 * opened below it are closed. Volatile, unless told otherwise: nothing is synced, and the work folder must be a fresh one.
 */
export function mountOverlay(
  source: OverlaySource,
  { volatile = true }: { readonly volatile?: boolean } = {},
): number {
  const mount = mountDetached(source.lowers, (context) => {
    context.directory('upperdir', source.upper);
    context.directory('workdir', source.work);
    if (volatile) context.flag('volatile');
  });
  try {
    requireWritable(mount, source.work);
  } catch (error) {
    addon().close(mount);
    throw error;
  }
  return mount;
}

/**
 * Where the kernel cannot make a folder of its own in the work folder, as on a full disk, it mounts the overlay read-only
 * and tells its log alone. The same is tried here, for its error.
 */
function requireWritable(mount: number, work: string): void {
  try {
    accessSync(`/proc/self/fd/${mount}`, constants.W_OK);
  } catch (error) {
    if (!isErrno(error, 'EROFS')) throw error;
    mkdirSync(join(work, 'tried'));
    throw error;
  }
}

/** As `mountOverlay`, read-only and without upper. The kernel wants at least two lowers then. */
export function mountOverlayView(lowers: readonly string[]): number {
  return mountDetached(lowers);
}

interface Context {
  flag(key: string): void;
  string(key: string, value: string): void;
  directory(key: string, path: string): void;
}

function mountDetached(lowers: readonly string[], upper?: (context: Context) => void): number {
  const fs = checkedSupport(addon().fsopen('overlay'));
  const opened: number[] = [];
  // A directory is named by descriptor: a value holds 255 bytes only, and paths need no escaping so.
  const nameOf = (path: string): string => {
    const fd = addon().openat2(AT_FDCWD, fromText(path), O_PATH | constants.O_DIRECTORY, 0, 0);
    opened.push(checked(fd, 'overlay', fromText(path)));
    return `/proc/self/fd/${fd}`;
  };
  const configure = (command: number, key: string | null, value: string | null): void => {
    const result = addon().fsconfig(fs, command, key, value, 0);
    if (result < 0) throw refused(fs, -result, key ?? 'create');
  };
  const context: Context = {
    flag: (key) => configure(FSCONFIG_SET_FLAG, key, null),
    string: (key, value) => configure(FSCONFIG_SET_STRING, key, value),
    directory: (key, path) => configure(FSCONFIG_SET_STRING, key, nameOf(path)),
  };
  try {
    const folder = addLowers(fs, lowers.map(nameOf), context);
    upper?.(context);
    const userXattrs = inUserNamespace();
    for (const [key, value] of overlayOptions)
      if (!userXattrs || !offWithUserXattrs.has(key)) context.string(key, value);
    if (userXattrs) context.flag('userxattr');
    inFolder(folder, () => configure(FSCONFIG_CMD_CREATE, null, null));
    const mount = addon().fsmount(fs, upper === undefined ? MOUNT_ATTR_RDONLY : 0);
    if (mount < 0) throw refused(fs, -mount, 'fsmount');
    return mount;
  } finally {
    for (const fd of opened) addon().close(fd);
    addon().close(fs);
  }
}

/** The longest value that fsconfig(2) takes. */
const longestValue = 255;

/** Sets the lower folders, and tells in which folder the creation has to take place for their names to be right. */
function addLowers(fs: number, names: readonly string[], context: Context): string | undefined {
  const [first = '', ...others] = names;
  const added = keepsTextOnly()
    ? -errno.EINVAL
    : addon().fsconfig(fs, FSCONFIG_SET_STRING, 'lowerdir+', first, 0);
  if (added === 0) {
    for (const name of others) context.string('lowerdir+', name);
    return undefined;
  }
  if (added !== -errno.EINVAL) throw refused(fs, -added, 'lowerdir+');
  // Before Linux 6.7 all lowers are one value.
  const joined = names.join(':');
  if (joined.length <= longestValue) {
    context.string('lowerdir', joined);
    return undefined;
  }
  const short = names.map((name) => basename(name)).join(':');
  if (short.length > longestValue || !isMainThread) {
    const text = `this kernel cannot mount ${names.length} layers without a mount point`;
    throw new TsbuildError('HOST_UNSUPPORTED', text, { hint: 'Linux 6.7 or newer can' });
  }
  context.string('lowerdir', short);
  return '/proc/self/fd';
}

/** Nothing else runs meanwhile, and no path of ours is relative. */
function inFolder(folder: string | undefined, act: () => void): void {
  if (folder === undefined) {
    act();
    return;
  }
  const before = process.cwd();
  process.chdir(folder);
  try {
    act();
  } finally {
    process.chdir(before);
  }
}

let textOnly: boolean | undefined;

/**
 * Before Linux 6.5 overlay is behind the kernel's adapter for old file systems, which takes any option, and fails at the
 * creation only. So one that no kernel knows is asked for, in a context of its own.
 */
function keepsTextOnly(): boolean {
  if (textOnly !== undefined) return textOnly;
  const fs = checkedSupport(addon().fsopen('overlay'));
  textOnly = addon().fsconfig(fs, FSCONFIG_SET_FLAG, 'tsbuild_probe', null, 0) === 0;
  addon().close(fs);
  return textOnly;
}

function checkedSupport(result: number): number {
  if (result >= 0) return result;
  if (result === -errno.ENODEV || result === -errno.ENOSYS || result === -errno.EPERM) {
    throw new TsbuildError('HOST_UNSUPPORTED', 'overlay file systems cannot be mounted here', {
      hint: 'it needs Linux 5.11 with overlayfs, and the right to mount: see "tsbuild doctor"',
      cause: errnoError(-result, 'fsopen'),
    });
  }
  throw errnoError(-result, 'fsopen');
}

/** The failure with what the kernel says about it: the context's descriptor reads as its messages. */
function refused(fs: number, number: number, step: string): Error {
  const messages: string[] = [];
  const buffer = Buffer.alloc(1024);
  try {
    for (;;) messages.push(buffer.toString('latin1', 0, readSync(fs, buffer)).trim());
  } catch {
    // ENODATA after the last one.
  }
  const error = errnoError(number, `overlay ${step}`);
  if (messages.length > 0) error.message += ` (${messages.join('; ')})`;
  return error;
}
