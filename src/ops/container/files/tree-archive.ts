import { closeSync, constants, fstatSync, readSync } from 'node:fs';

import { isErrno, type ByteString } from '../../../core/index.ts';
import { Breath, entryOf, keptXattrs } from '../../../snapshot/index.ts';
import type { FileStat, RootDir } from '../../../sys/index.ts';
import { createTarWriter, type TarHeader, type TarSink, type TarWriter } from '../../../tar/index.ts';

export interface TreeArchiveOptions {
  /** Name of the top entry in the archive; `''` is the archive's root. */
  readonly name: ByteString;
  /** Whether a folder, by its path below the tree's root, is written as an empty one. */
  readonly hollow?: ((path: ByteString) => boolean) | undefined;
  /** What of the tree is left out: a folder with all below it. */
  readonly omits?: ((stat: FileStat) => boolean) | undefined;
  /** Seconds unless told. */
  readonly times?: 'seconds' | 'nanoseconds' | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes what stands at a path of a tree, which may change meanwhile, as a tar: names in bytewise order, hard links as
 * such, xattrs as in layers; sockets are left out. The same tree gives the same bytes. The last
 * component of the path is not followed. Throws INTERRUPTED when the signal is aborted.
 */
export async function writeTreeArchive(
  root: RootDir,
  path: ByteString,
  sink: TarSink,
  options: TreeArchiveOptions,
): Promise<void> {
  const writer = createTarWriter(sink);
  await addTree(writer, { root, path }, options);
  await writer.finish();
}

/** The same, as a part of an archive. */
export async function addTree(
  writer: TarWriter,
  { root, path }: { readonly root: RootDir; readonly path: ByteString },
  options: TreeArchiveOptions,
): Promise<void> {
  const archive: Archive = {
    writer,
    linked: new Map(),
    hollow: options.hollow ?? (() => false),
    omits: options.omits ?? (() => false),
    nanos: options.times === 'nanoseconds',
    breath: new Breath(options.signal),
  };
  await addEntry(archive, { folder: root, name: path, path, shown: options.name });
}

interface Archive {
  readonly writer: TarWriter;
  /** The first name in the archive of each inode that has several. */
  readonly linked: Map<string, ByteString>;
  readonly hollow: (path: ByteString) => boolean;
  readonly omits: (stat: FileStat) => boolean;
  readonly nanos: boolean;
  readonly breath: Breath;
}

interface Place {
  readonly folder: RootDir;
  readonly name: ByteString;
  /** Below the tree's root. */
  readonly path: ByteString;
  /** In the archive. */
  readonly shown: ByteString;
}

async function addEntry(archive: Archive, place: Place): Promise<void> {
  await archive.breath.due();
  const stat = place.folder.tryLstat(place.name);
  if (stat === undefined) return; // gone since it was listed
  if (archive.omits(stat)) return;
  if (stat.type === 'directory') return addFolder(archive, place, stat);
  const first = stat.links > 1 ? archive.linked.get(stat.inode) : undefined;
  if (first !== undefined) {
    const { mode, uid, gid, mtime } = stat;
    const link = { mode, uid, gid, mtime, size: 0, link: first, xattrs: [] };
    return archive.writer.entry({ ...link, ...finer(archive, stat), type: 'hardlink', path: place.shown });
  }
  const isWritten =
    stat.type === 'file' ? await addFile(archive, place, stat) : await addOther(archive, place, stat);
  if (isWritten && stat.links > 1) archive.linked.set(stat.inode, place.shown);
}

async function addFolder(archive: Archive, place: Place, stat: FileStat): Promise<void> {
  if (!(await addOther(archive, place, stat)) || archive.hollow(place.path)) return;
  using folder = unlessGone(() => place.folder.sub(place.name));
  if (folder === undefined) return;
  for (const name of unlessGone(() => folder.list(here)) ?? []) {
    await addEntry(archive, {
      folder,
      name,
      path: joined(place.path, name),
      shown: joined(place.shown, name),
    });
  }
}

/** Everything that has no body. False when it is nothing that an archive can hold. */
async function addOther(archive: Archive, place: Place, stat: FileStat): Promise<boolean> {
  const { folder, name } = place;
  const entry = unlessGone(() => entryOf(folder, name, { stat, xattrs: keptXattrs(folder, name) }));
  if (entry === undefined) return false;
  await archive.writer.entry({ ...entry, ...finer(archive, stat), path: place.shown });
  return true;
}

function finer({ nanos }: Archive, { mtime, mtimeNanos }: FileStat): Partial<TarHeader> {
  return nanos ? { mtime, mtimeNanos } : {};
}

/** The size is that of the file at hand: one that grows is cut there, one that shrinks is filled up with zeros, as GNU tar does. */
async function addFile(archive: Archive, { folder, name, shown }: Place, found: FileStat): Promise<boolean> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const opened = unlessGone(() => ({ fd: folder.open(name, flags), xattrs: keptXattrs(folder, name) }));
  if (opened === undefined) return false;
  const { fd, xattrs } = opened;
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) return false;
    const { uid, gid, size } = stat;
    const mtime = Math.floor(stat.mtimeMs / 1000);
    await archive.writer.entry({
      type: 'file',
      path: shown,
      mode: stat.mode & 0o7777,
      uid,
      gid,
      mtime,
      size,
      xattrs,
      ...finer(archive, found),
    });
    for (let left = size; left > 0;) {
      const chunk = Buffer.alloc(Math.min(left, chunkBytes));
      fill(fd, chunk);
      await archive.writer.data(chunk);
      left -= chunk.length;
      await archive.breath.due();
    }
    return true;
  } finally {
    closeSync(fd);
  }
}

function fill(fd: number, chunk: Buffer): void {
  for (let done = 0; done < chunk.length;) {
    const got = readSync(fd, chunk, done, chunk.length - done, null);
    if (got === 0) return;
    done += got;
  }
}

const chunkBytes = 1 << 20;
const here = '.' as ByteString;

function unlessGone<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'EINVAL', 'ESTALE')) return undefined;
    throw error;
  }
}

function joined(folder: ByteString, name: ByteString): ByteString {
  return (folder === '' || folder === '/' ? `${folder}${name}` : `${folder}/${name}`) as ByteString;
}
