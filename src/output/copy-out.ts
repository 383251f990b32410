import { closeSync, constants, fchmodSync, futimesSync, readSync, writeSync } from 'node:fs';

import { isErrno, toText, TsbuildError, type ByteString } from '../core/index.ts';
import { Breath, keptXattrs } from '../snapshot/index.ts';
import { reflink, type FileStat, type RootDir, randomHex } from '../sys/index.ts';

export interface CopyOutOptions {
  /** Of every entry; its own unless told (O-55). Seconds. */
  readonly time: number | undefined;
  /** What stands in the folder and not in the tree is removed. */
  readonly deletes: boolean;
  /** Set-id bits, capabilities and devices come along. */
  readonly special: boolean;
  readonly signal: AbortSignal;
}

/** What was left out for safety's sake. */
export interface LeftOut {
  devices: number;
  privileges: number;
}

const here = '.' as ByteString;
const capability = 'security.capability';
const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const source = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const chunkBytes = 1 << 20;

/**
 * Copies a tree into a folder of the host, over what is there: a folder onto a folder is merged, all else is replaced under
 * its name, each file at once and whole. Everything becomes the property of whoever writes it.
 *
 * Both sides are walked by descriptor and single names, and no link is followed on either (S-45): a link in the folder that
 * stands where the tree has something is replaced, so that nothing is ever written through it.
 */
export class CopyOut {
  readonly leftOut: LeftOut = { devices: 0, privileges: 0 };
  readonly #top: RootDir;
  readonly #options: CopyOutOptions;
  readonly #breath: Breath;
  /** Where the first name of a file with several was copied to, by inode. */
  readonly #linked = new Map<string, ByteString>();

  constructor(to: RootDir, options: CopyOutOptions) {
    this.#top = to;
    this.#options = options;
    this.#breath = new Breath(options.signal);
  }

  /** All that is in the tree; `path`: the folder below the top that takes it, which exists. */
  async copy(from: RootDir, path: ByteString = here): Promise<void> {
    using to = this.#top.sub(path);
    await this.#contents({ from, to, path });
  }

  async #contents({ from, to, path }: Folders): Promise<void> {
    const names = from.list(here);
    for (const name of names) {
      await this.#breath.due();
      await this.#entry({ from, to, name, path: path === here ? name : join(path, name) });
    }
    if (this.#options.deletes) removeOthers(to, names);
  }

  async #entry(place: Place): Promise<void> {
    const stat = place.from.lstat(place.name);
    switch (stat.type) {
      case 'directory':
        return this.#folder(place, stat);
      case 'file':
        return this.#file(place, stat);
      case 'symlink': {
        const text = place.from.readlink(place.name);
        this.#replace(place, stat, (name) => place.to.symlink(text, name));
        return;
      }
      case 'fifo':
        this.#node(place, stat, { type: 'fifo', major: 0, minor: 0 });
        return;
      case 'char':
      case 'block':
        if (this.#options.special) {
          this.#node(place, stat, { type: stat.type, major: stat.major, minor: stat.minor });
        } else {
          this.leftOut.devices++;
          if (this.#options.deletes) place.to.removeAll(place.name);
        }
        return;
      case 'socket':
        return;
    }
  }

  async #folder(place: Place, stat: FileStat): Promise<void> {
    const { from, to, name, path } = place;
    const before = to.tryLstat(name);
    if (before !== undefined && before.type !== 'directory') to.unlink(name);
    if (before?.type !== 'directory') to.mkdir(name, 0o700);
    using below = from.sub(name);
    using into = to.sub(name);
    await this.#contents({ from: below, to: into, path });
    this.#attributes(place, stat, name);
  }

  async #file(place: Place, stat: FileStat): Promise<void> {
    if (this.#isLinked(place, stat)) return;
    const { from, to, name, path } = place;
    this.#makeRoom(place);
    const aside = temporaryName();
    try {
      const fd = to.open(aside, newFile, 0o600);
      try {
        await this.#content(from.open(name, source), fd);
        fchmodSync(fd, this.#modeOf(stat));
        this.#xattrs(place, aside);
        const time = this.#options.time ?? stat.mtime;
        futimesSync(fd, time, time);
      } finally {
        closeSync(fd);
      }
      to.rename(aside, name);
    } catch (error) {
      discard(to, aside);
      throw error;
    }
    if (stat.links > 1) this.#linked.set(stat.inode, path);
  }

  async #content(from: number, to: number): Promise<void> {
    try {
      if (reflink(from, to)) return;
      const chunk = Buffer.allocUnsafe(chunkBytes);
      for (;;) {
        const got = readSync(from, chunk, 0, chunkBytes, null);
        if (got === 0) return;
        for (let done = 0; done < got;) done += writeSync(to, chunk, done, got - done);
        await this.#breath.due();
      }
    } finally {
      closeSync(from);
    }
  }

  /** A further name of a file is a further name in the folder. */
  #isLinked(place: Place, stat: FileStat): boolean {
    const first = stat.links > 1 ? this.#linked.get(stat.inode) : undefined;
    if (first === undefined) return false;
    this.#makeRoom(place);
    const aside = temporaryName();
    const target = place.path.includes('/')
      ? (`${place.path.slice(0, place.path.lastIndexOf('/') + 1)}${aside}` as ByteString)
      : aside;
    // What has the name already is removed: renaming a file onto another name of itself does nothing.
    if (place.to.tryLstat(place.name) !== undefined) place.to.unlink(place.name);
    try {
      this.#top.link(first, target);
    } catch (error) {
      // Another file system is mounted in there, or takes no links: it becomes a file of its own.
      if (isErrno(error, 'EXDEV', 'EMLINK', 'EPERM', 'EOPNOTSUPP')) return false;
      throw error;
    }
    place.to.rename(aside, place.name);
    return true;
  }

  #node(
    place: Place,
    stat: FileStat,
    node: { readonly type: 'char' | 'block' | 'fifo'; readonly major: number; readonly minor: number },
  ): void {
    this.#replace(place, stat, (name) => place.to.mknod(name, { ...node, mode: 0o600 }));
  }

  #replace(place: Place, stat: FileStat, make: (name: ByteString) => void): void {
    this.#makeRoom(place);
    const aside = temporaryName();
    try {
      make(aside);
      this.#attributes(place, stat, aside);
      place.to.rename(aside, place.name);
    } catch (error) {
      discard(place.to, aside);
      throw error;
    }
  }

  /** A folder of the user's is not thrown away for a file, unless the result is to be all there is. */
  #makeRoom({ to, name, path }: Place): void {
    if (to.tryLstat(name)?.type !== 'directory') return;
    if (this.#options.deletes) {
      to.removeAll(name);
      return;
    }
    throw new TsbuildError(
      'IO_ERROR',
      `${JSON.stringify(toText(path))} is a folder there, and a file in the result`,
      {
        hint: 'remove the folder, or give mode=delete, which removes all that is not in the result',
      },
    );
  }

  #attributes(place: Place, stat: FileStat, name: ByteString): void {
    const { to } = place;
    this.#xattrs(place, name);
    to.chmod(name, this.#modeOf(stat));
    to.setTimes(name, { seconds: this.#options.time ?? stat.mtime });
  }

  /** Whoever runs the build owns the copy: a set-id bit would give their rights away. */
  #modeOf({ type, mode }: FileStat): number {
    const kept = this.#options.special ? 0o7777 : 0o1777;
    if (type !== 'directory' && (mode & ~kept) !== 0) this.leftOut.privileges++;
    return mode & kept;
  }

  #xattrs({ from, to, name }: Place, target: ByteString): void {
    for (const [key, value] of keptXattrs(from, name)) {
      if (key === capability && !this.#options.special) {
        this.leftOut.privileges++;
        continue;
      }
      try {
        to.setXattr(target, key, value);
      } catch (error) {
        // Not every file system has them, as not every one has owners.
        if (!isErrno(error, 'ENOTSUP', 'EOPNOTSUPP', 'EPERM')) throw error;
      }
    }
  }
}

interface Folders {
  readonly from: RootDir;
  readonly to: RootDir;
  /** Below the top. */
  readonly path: ByteString;
}

interface Place extends Folders {
  readonly name: ByteString;
}

function removeOthers(to: RootDir, names: readonly ByteString[]): void {
  const kept = new Set(names);
  for (const name of to.list(here)) if (!kept.has(name)) to.removeAll(name);
}

/** What was made aside and is not wanted; gone or never made is fine, and no reason to hide why. */
function discard(folder: RootDir, name: ByteString): void {
  try {
    folder.unlink(name);
  } catch {
    // The first error counts.
  }
}

function temporaryName(): ByteString {
  return `.tsbuild.${randomHex(6)}.tmp` as ByteString;
}

function join(folder: ByteString, name: ByteString): ByteString {
  return `${folder}/${name}` as ByteString;
}
