import { isErrno, TsbuildError, type ByteString } from '../core/index.ts';
import type { FileStat, FileTime, RootDir } from '../sys/index.ts';
import { entryPlace, joinPath, quoteBytes } from './entry-path.ts';

/** A directory of the tree, open for calls by single names. */
export interface OpenDirectory {
  readonly handle: RootDir;
  /** Relative to the root, without any symlink; `''` is the root. */
  readonly path: ByteString;
}

/** Archives come sorted, mostly: the directories at hand are few. */
const maxOpen = 64;

/**
 * The directories an archive writes to: opened once, kept open, missing parents created. Remembers the time each one
 * is to have at the end, since every entry made in a directory changes it.
 */
export class OpenDirectories implements Disposable {
  readonly #root: RootDir;
  readonly #created: ((directory: ByteString, name: ByteString) => void) | undefined;
  readonly #open = new Map<ByteString, OpenDirectory>();
  readonly #times = new Map<ByteString, FileTime>();
  #pathsMoved = false;

  /** `created` is told of every parent that had to be made: the path of its directory, and its name. */
  constructor(root: RootDir, created?: (directory: ByteString, name: ByteString) => void) {
    this.#root = root;
    this.#created = created;
  }

  /**
   * The directory an entry's parent path leads to, inside the root, symlinks followed as containerd does; what is
   * missing is created 0755 root with time 0. Throws ARCHIVE_INVALID where something else than a directory stands.
   */
  at(path: ByteString): OpenDirectory {
    const known = this.#open.get(path);
    if (known !== undefined) return known;
    const opened = path === '' ? { handle: this.#root.sub(path), path } : this.#openBelow(path);
    this.#keep(path, opened);
    return opened;
  }

  /** As `at`, but undefined when it does not exist. */
  find(path: ByteString): OpenDirectory | undefined {
    if (this.#open.has(path) || path === '') return this.at(path);
    const resolved = this.#root.resolve(path).slice(1) as ByteString;
    if (resolved === '') return this.at(resolved);
    return this.#root.tryLstat(resolved)?.type === 'directory' ? this.at(resolved) : undefined;
  }

  /** To be called when a directory or symlink was removed: paths through it lead elsewhere now. */
  forget(): void {
    for (const { handle } of this.#open.values()) handle[Symbol.dispose]();
    this.#open.clear();
    this.#pathsMoved = true;
  }

  /** Sets the time that an existing directory gets at the end. */
  setTime(path: ByteString, time: FileTime): void {
    this.#times.set(path, time);
  }

  /** Gives all directories written to their times. */
  restoreTimes(): void {
    for (const [path, time] of this.#times) {
      // Where a directory above has become a symlink since, the path leads to a stranger.
      if (this.#pathsMoved && !this.#isWhereItWas(path)) continue;
      const stat = this.#root.tryLstat(path);
      // On an overlay, setting what is there already would copy the directory up.
      if (stat?.type === 'directory' && !sameTime(stat, time)) this.#root.setTimes(path, time);
    }
  }

  #isWhereItWas(path: ByteString): boolean {
    try {
      return this.#root.resolve(path) === `/${path}`;
    } catch (error) {
      // A link above it now leads around in a circle.
      if (isErrno(error, 'ELOOP')) return false;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.forget();
  }

  #openBelow(path: ByteString): OpenDirectory {
    const { parent, name } = entryPlace(path);
    const above = this.at(parent);
    const { type } = above.handle.tryLstat(name) ?? this.#create(above, name);
    if (type === 'directory') return { handle: above.handle.sub(name), path: joinPath(above.path, name) };
    if (type === 'symlink') {
      // What it resolves to has no symlinks left, so this ends.
      const { path: resolved } = this.at(this.#root.resolve(path).slice(1) as ByteString);
      return { handle: this.#root.sub(resolved), path: resolved };
    }
    throw new TsbuildError(
      'ARCHIVE_INVALID',
      `${quoteBytes(path)} in the archive is a ${type}, but has entries below it`,
    );
  }

  #create(above: OpenDirectory, name: ByteString): FileStat {
    above.handle.mkdir(name, 0o755);
    above.handle.chown(name, 0, 0);
    this.#created?.(above.path, name);
    this.#times.set(joinPath(above.path, name), { seconds: 0 });
    return above.handle.lstat(name);
  }

  #keep(path: ByteString, opened: OpenDirectory): void {
    if (!this.#times.has(opened.path)) {
      const { mtime, mtimeNanos } = opened.handle.lstat('' as ByteString);
      this.#times.set(opened.path, { seconds: mtime, nanos: mtimeNanos });
    }
    if (this.#open.size >= maxOpen) this.#dropOldest();
    this.#open.set(path, opened);
  }

  #dropOldest(): void {
    for (const [path, { handle }] of this.#open) {
      handle[Symbol.dispose]();
      this.#open.delete(path);
      return;
    }
  }
}

function sameTime(stat: FileStat, time: FileTime): boolean {
  return stat.mtime === time.seconds && stat.mtimeNanos === (time.nanos ?? 0);
}
