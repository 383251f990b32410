/* eslint max-params: "off" -- the calls have the parameters of the system calls they are */
import { TsbuildError } from '../core/index.ts';
import { nativePath } from './paths.ts';

/**
 * The addon's calls (native/fs*.c): each is one system call, but for those that do one thing for many files, hash or
 * compress. A result below zero is `-errno`; names, paths and values are byte strings (latin1), and a character that is
 * no byte, or a NUL in a name, is EINVAL. Nothing is followed that the flags do not say. Turn results into values with
 * the functions of errno.ts.
 */
export interface Addon {
  /** What the last successful `fstatat` found; see stat.ts for the order. Or the descriptors of `socketpair`. */
  readonly statNumbers: Float64Array;
  readonly openat2: (directory: number, path: string, flags: number, mode: number, resolve: number) => number;
  /** For what the addon opened: Node's own warns in workers of descriptors that it did not open. */
  readonly close: (fd: number) => number;
  readonly fstatat: (directory: number, path: string, flags: number) => number;
  /** All names but `.` and `..`, each followed by `/`. */
  readonly readdir: (directory: number) => string | number;
  /** See `readEntries` in folder-entries.ts; the order of the numbers is that of `statNumbers`. */
  readonly readEntries: (directory: number) => Uint8Array<ArrayBuffer> | number;
  /** See hash-batch.ts. */
  readonly hashSmallFiles: (
    directory: number,
    names: string,
    numbers: Float64Array,
    results: Uint8Array,
  ) => Promise<number> | number;
  /** CLOCK_REALTIME_COARSE in milliseconds. */
  readonly fileClock: () => number;
  readonly readlinkat: (directory: number, path: string) => string | number;
  readonly mkdirat: (directory: number, path: string, mode: number) => number;
  readonly mknodat: (directory: number, path: string, mode: number, major: number, minor: number) => number;
  readonly symlinkat: (target: string, directory: number, path: string) => number;
  readonly linkat: (
    fromDirectory: number,
    from: string,
    toDirectory: number,
    to: string,
    flags: number,
  ) => number;
  readonly renameat2: (
    fromDirectory: number,
    from: string,
    toDirectory: number,
    to: string,
    flags: number,
  ) => number;
  readonly unlinkat: (directory: number, path: string, flags: number) => number;
  /** Never follows: EOPNOTSUPP for a symlink. */
  readonly fchmodat: (directory: number, path: string, mode: number) => number;
  readonly fchownat: (directory: number, path: string, uid: number, gid: number, flags: number) => number;
  /** Sets the modification time, leaves the access time. */
  readonly utimensat: (
    directory: number,
    path: string,
    seconds: number,
    nanos: number,
    flags: number,
  ) => number;
  /** The xattr calls never follow. */
  readonly getxattr: (directory: number, path: string, attribute: string) => string | number;
  /** Names, each followed by NUL. */
  readonly listxattr: (directory: number, path: string) => string | number;
  readonly setxattr: (directory: number, path: string, attribute: string, value: string) => number;
  readonly removexattr: (directory: number, path: string, attribute: string) => number;
  readonly flock: (fd: number, operation: number) => number;
  readonly syncfs: (fd: number) => number;
  readonly ficlone: (to: number, from: number) => number;
  readonly copyFileRange: (from: number, to: number, length: number) => number;
  /** See copy-batch.ts for what the numbers are; fails through them only. */
  readonly copySmallFiles: (
    from: number,
    to: number,
    paths: string,
    numbers: Float64Array,
    bytes: Uint8Array,
    digests: Uint8Array,
  ) => Promise<number> | number;
  readonly pidfdOpen: (pid: number) => number;
  readonly pidfdSendSignal: (pidfd: number, signal: number) => number;
  readonly fsopen: (type: string) => number;
  readonly fsconfig: (
    context: number,
    command: number,
    key: string | null,
    value: string | null,
    auxiliary: number,
  ) => number;
  readonly fsmount: (context: number, attributes: number) => number;
  readonly newNetns: () => number;
  /** Close-on-exec, in the namespace of the descriptor, or in the caller's own. */
  readonly socketIn: (netns: number | null, domain: number, type: number, protocol: number) => number;
  readonly bindInet: (fd: number, address: number, port: number) => number;
  readonly send: (fd: number, bytes: string) => number;
  /** Becomes another program, with this process's environment; arguments each ended by NUL. Returns only the failure. */
  readonly execve: (path: string, args: string) => number;
  /** What is executed next has the descriptor, too. */
  readonly keepOpen: (fd: number) => number;
  readonly closeOnExec: (fd: number) => number;
  /** Of a terminal: OPOST off. */
  readonly plainOutput: (fd: number) => number;
  /** In hexadecimal; a string counts as UTF-8. ENOSYS where this Node does not let addons hash. */
  readonly sha256: (bytes: Uint8Array | string) => string | number;
  /** At most 64 bytes. */
  readonly randomHex: (bytes: number) => string | number;
  /** ENOSYS as above. */
  readonly hashBegin: (state: Uint8Array) => number;
  readonly hashUpdate: (state: Uint8Array, bytes: Uint8Array) => number;
  /** On another thread; a number is its refusal. */
  readonly hashAside: (state: Uint8Array, bytes: Uint8Array) => Promise<number> | number;
  readonly hashEnd: (state: Uint8Array, digest: Uint8Array) => number;
  readonly socketpair: () => number;
  /** Arguments each ended by NUL, its descriptors 0 to 3, -1 for /dev/null; the process id. */
  readonly spawn: (
    path: string,
    args: string,
    stdin: number,
    stdout: number,
    stderr: number,
    third: number,
  ) => number;
  /** Its wait status, once; EAGAIN while it runs. */
  readonly waitpid: (pid: number) => number;
  /** One datagram that is there already; EAGAIN when there is none. */
  readonly receive: (fd: number) => string | number;
  /** Of a call with senseless arguments; only calls that do nothing then (native/fs_probe.c). */
  readonly refusalOf: (call: number) => number;
  /** Results of the steps, with blanks between; see probe.ts. */
  readonly tryUserNamespace: (folder: string) => string | number;
  /** See zstd.ts; the parameters are those of `deflate`. */
  readonly zstdFrame: (
    out: Uint8Array,
    bytes: Uint8Array,
    known: number,
    level: number,
  ) => Promise<number> | number;
  /** See deflate.ts. */
  readonly deflate: (
    out: Uint8Array,
    bytes: Uint8Array,
    known: number,
    level: number,
  ) => Promise<number> | number;
}

let loaded: Addon | undefined;

/** The addon, loaded when first needed. Throws HOST_UNSUPPORTED when it was not compiled or does not load. */
export function addon(): Addon {
  return (loaded ??= load(nativePath('fs.node')));
}

function load(path: string): Addon {
  const module: { exports: unknown } = { exports: {} };
  try {
    // `require` does not exist in ES modules and `import` does not take addons; this works in both bundles.
    process.dlopen(module, path);
  } catch (error) {
    throw new TsbuildError('HOST_UNSUPPORTED', `the native part ${path} does not load`, {
      hint: 'it was compiled on another system: run "npm run build" in the package folder',
      cause: error,
    });
  }
  return module.exports as Addon;
}
