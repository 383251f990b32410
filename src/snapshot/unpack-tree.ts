import { closeSync, constants, fchmodSync, fchownSync, writeSync } from 'node:fs';

import { isErrno, TsbuildError, type ByteString } from '../core/index.ts';
import type { FileTime, RootDir } from '../sys/index.ts';
import type { TarEntry, TarHeader } from '../tar/index.ts';
import { entryPlace, joinPath, quoteBytes, type EntryPlace } from './entry-path.ts';
import { isLayerXattr } from './layer-xattrs.ts';
import { OpenDirectories, type OpenDirectory } from './open-directories.ts';

export interface UnpackPolicy {
  /** What becomes of char and block devices; `skip` leaves their further names out as well. */
  readonly devices: 'create' | 'skip' | 'refuse';
  /** Given to every entry instead of its own. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  /** Told of every path, without symlinks, that exists and is to be replaced; may throw instead. */
  readonly replaces?: ((path: ByteString) => void) | undefined;
  /** A directory that exists loses the xattrs its entry does not name: the entry is its whole state. */
  readonly replaceXattrs: boolean;
  /** Told of every name put into a directory (its path without symlinks), implied parents included. */
  readonly created?: ((directory: ByteString, name: ByteString) => void) | undefined;
}

const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const nothing = '' as ByteString;

/**
 * Puts entries into a tree, one after the other (OCI image-spec, layer.md "Applying Changesets"): a directory over a
 * directory replaces its attributes, everything else replaces what is there. Nothing is ever written through a
 * symlink or into an existing file, which may have a second name elsewhere.
 */
export class UnpackTree implements Disposable {
  readonly directories: OpenDirectories;
  readonly #root: RootDir;
  readonly #policy: UnpackPolicy;
  readonly #skipped = new Set<ByteString>();

  constructor(rootDir: RootDir, policy: UnpackPolicy) {
    this.#root = rootDir;
    this.#policy = policy;
    this.directories = new OpenDirectories(rootDir, policy.created);
  }

  /** Unpacks one entry; the next one only when it has settled. */
  async put(entry: TarEntry, place: EntryPlace): Promise<void> {
    const header: TarHeader = { ...entry.header, ...this.#policy.owner };
    switch (header.type) {
      case 'directory':
        this.#putDirectory(place, header);
        return;
      case 'file':
        await this.#putFile(place, header, entry);
        return;
      case 'hardlink':
        this.#putHardLink(place, header);
        return;
      case 'symlink':
        this.#putSymlink(place, header);
        return;
      case 'char':
      case 'block':
        this.#putDevice(place, header, header.type);
        return;
      case 'fifo':
        this.#putNode(place, header, { type: 'fifo', major: 0, minor: 0 });
        return;
    }
  }

  /** Removes a name and all below it. */
  remove(directory: OpenDirectory, name: ByteString): void {
    const stat = directory.handle.tryLstat(name);
    if (stat === undefined) return;
    if (stat.type === 'directory') directory.handle.removeAll(name);
    else directory.handle.unlink(name);
    if (stat.type === 'directory' || stat.type === 'symlink') this.directories.forget();
  }

  [Symbol.dispose](): void {
    this.directories[Symbol.dispose]();
  }

  /** Creates the last component, after removing what stands there. The result is where it was created. */
  #make(place: EntryPlace, create: (directory: OpenDirectory, name: ByteString) => void): OpenDirectory {
    if (place.name === '') {
      throw new TsbuildError('ARCHIVE_INVALID', 'the archive replaces the root directory by something else');
    }
    let directory = this.directories.at(place.parent);
    try {
      create(directory, place.name);
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
      this.#policy.replaces?.(joinPath(directory.path, place.name));
      this.remove(directory, place.name);
      directory = this.directories.at(place.parent);
      create(directory, place.name);
    }
    this.#policy.created?.(directory.path, place.name);
    return directory;
  }

  #putDirectory(place: EntryPlace, header: TarHeader): void {
    let directory = this.directories.at(place.parent);
    const exists = place.name === '' || directory.handle.tryLstat(place.name)?.type === 'directory';
    if (exists) {
      this.#policy.created?.(directory.path, place.name);
      if (this.#policy.replaceXattrs) removeOtherXattrs(directory.handle, place.name, header);
    } else {
      directory = this.#make(place, ({ handle }, name) => {
        handle.mkdir(name, 0o700);
      });
    }
    directory.handle.chown(place.name, header.uid, header.gid);
    setXattrs(directory.handle, place.name, header);
    directory.handle.chmod(place.name, header.mode);
    this.directories.setTime(joinPath(directory.path, place.name), timeOf(header));
  }

  async #putFile(place: EntryPlace, header: TarHeader, entry: TarEntry): Promise<void> {
    let fd = -1;
    const { handle } = this.#make(place, (directory, name) => {
      fd = directory.handle.open(name, newFile, 0o600);
    });
    try {
      const whole = entry.buffered();
      if (whole !== undefined) writeAll(fd, whole);
      else for await (const chunk of entry.chunks()) writeAll(fd, chunk);
      // In this order: a new owner takes set-id bits and capabilities away.
      fchownSync(fd, header.uid, header.gid);
      setXattrs(handle, place.name, header);
      fchmodSync(fd, header.mode);
    } finally {
      closeSync(fd);
    }
    handle.setTimes(place.name, timeOf(header));
  }

  #putHardLink(place: EntryPlace, header: TarHeader): void {
    const link = header.link ?? nothing;
    const target = this.#linkTarget(link);
    if (target !== undefined && this.#skipped.has(target)) return;
    const path = joinPath(this.directories.at(place.parent).path, place.name);
    const found = target === undefined || target === path ? undefined : this.#root.tryLstat(target);
    if (target === undefined || found === undefined || found.type === 'directory') {
      const what = found === undefined ? 'which does not exist' : 'a directory';
      throw new TsbuildError(
        'ARCHIVE_INVALID',
        `the hard link ${quoteBytes(header.path)} leads to ${quoteBytes(link)}, ${what}`,
      );
    }
    // link(2) itself: a last symlink is linked, never followed.
    const directory = this.#make(place, () => {
      this.#root.link(target, path);
    });
    this.#finish(directory, place.name, header);
  }

  #putSymlink(place: EntryPlace, header: TarHeader): void {
    const target = header.link ?? nothing;
    const directory = this.#make(place, ({ handle }, name) => {
      handle.symlink(target, name);
    });
    this.#finish(directory, place.name, header);
  }

  /** The target's path with its directory's symlinks resolved inside the root, its own name not. */
  #linkTarget(link: ByteString): ByteString | undefined {
    const { parent, name } = entryPlace(link);
    const directory = this.directories.find(parent);
    return directory === undefined || name === '' ? undefined : joinPath(directory.path, name);
  }

  #putDevice(place: EntryPlace, header: TarHeader, type: 'char' | 'block'): void {
    const { major, minor } = header.device ?? { major: 0, minor: 0 };
    if (type === 'char' && major === 0 && minor === 0) {
      // On an overlay's upper layer it would hide a file: a whiteout that no scanner of the archive sees.
      throw new TsbuildError(
        'ARCHIVE_INVALID',
        `${quoteBytes(header.path)} in the archive is the device 0:0`,
      );
    }
    switch (this.#policy.devices) {
      case 'create':
        this.#putNode(place, header, { type, major, minor });
        return;
      case 'skip': {
        const directory = this.directories.at(place.parent);
        this.remove(directory, place.name);
        this.#skipped.add(joinPath(directory.path, place.name));
        return;
      }
      case 'refuse':
        throw new TsbuildError('ARCHIVE_INVALID', `${quoteBytes(header.path)} in the archive is a device`);
    }
  }

  #putNode(
    place: EntryPlace,
    header: TarHeader,
    node: { readonly type: 'char' | 'block' | 'fifo'; readonly major: number; readonly minor: number },
  ): void {
    const directory = this.#make(place, ({ handle }, name) => {
      handle.mknod(name, { ...node, mode: header.mode });
    });
    this.#finish(directory, place.name, header);
  }

  /** Everything but the content, in the order that keeps set-id bits and capabilities. */
  #finish({ handle }: OpenDirectory, name: ByteString, header: TarHeader): void {
    handle.chown(name, header.uid, header.gid);
    setXattrs(handle, name, header);
    handle.chmod(name, header.mode);
    handle.setTimes(name, timeOf(header));
  }
}

function timeOf(header: TarHeader): FileTime {
  return { seconds: header.mtime, nanos: header.mtimeNanos };
}

function setXattrs(directory: RootDir, name: ByteString, header: TarHeader): void {
  for (const [attribute, value] of header.xattrs) {
    if (isLayerXattr(attribute) && mayHave(attribute, header)) directory.setXattr(name, attribute, value);
  }
}

/** The kernel has user.* for files and directories only; a hard link may be to either kind, and shares what its target has. */
function mayHave(attribute: ByteString, header: TarHeader): boolean {
  return header.type === 'file' || header.type === 'directory' || !attribute.startsWith('user.');
}

function removeOtherXattrs(directory: RootDir, name: ByteString, header: TarHeader): void {
  const named = new Set(header.xattrs.map(([attribute]) => attribute));
  for (const attribute of directory.listXattrs(name)) {
    if (isLayerXattr(attribute) && !named.has(attribute)) directory.removeXattr(name, attribute);
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
}
