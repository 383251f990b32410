import { closeSync, constants, readSync } from 'node:fs';

import type { ByteString, Digest } from '../../core/index.ts';
import { extractArchive, type Breath } from '../../snapshot/index.ts';
import { statOfDescriptor, type RootDir } from '../../sys/index.ts';
import { decompress, isTarHead, peek, sniffBytes, sniffCompression } from '../../tar/index.ts';
import { hostDecompressor } from '../decompress.ts';
import { fileChunks } from '../file-chunks.ts';
import { makeFolders, type Owner } from './destination.ts';
import { changed, contentDigestOf, sameVersion } from './read.ts';
import type { CopyItem } from './walk.ts';

interface ArchiveTarget {
  readonly from: RootDir;
  readonly to: RootDir;
  readonly folder: ByteString;
  /** All entries get it, where --chown was given. */
  readonly owner: Owner | undefined;
  /** Of the destination, where it is missing. */
  readonly attributes: Owner & { readonly mode: number };
  /** What the archive must turn out to be. */
  readonly digest: Digest | undefined;
  readonly breath: Breath;
}

/**
 * ADD of a local archive: unpacked over the destination folder when its content, never its name, says that it is one
 * (L-175). False when it is not, and is to be copied like any file.
 */
export async function unpackArchive(target: ArchiveTarget, item: CopyItem): Promise<boolean> {
  if (item.stat.type !== 'file') return false;
  const fd = target.from.open(item.source, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const head = Buffer.alloc(sniffBytes);
    const length = readSync(fd, head, 0, head.length, 0);
    if (!(await isArchive(fd, head.subarray(0, length)))) return false;
    makeFolders(target.to, target.folder, target.attributes);
    using root = target.to.sub(target.folder);
    const own = root.lstat('' as ByteString);
    const before = statOfDescriptor(fd);
    const { bytes } = await decompress(fileChunks(fd), hostDecompressor);
    await extractArchive(bytes, root, {
      devices: 'create',
      owner: target.owner,
      signal: target.breath.signal,
    });
    // An entry for the archive's own root says nothing about the destination.
    root.chown('' as ByteString, own.uid, own.gid);
    root.chmod('' as ByteString, own.mode);
    // What was unpacked is what the key says: the same file before and after, and its bytes those that were hashed.
    const digest = await contentDigestOf(target.from, item, target);
    const after = target.from.lstat(item.source).inode;
    if (digest !== target.digest || after !== item.stat.inode) throw changed(item);
    if (!sameVersion(before, statOfDescriptor(fd))) throw changed(item);
    return true;
  } finally {
    closeSync(fd);
  }
}

/** A plain tar by its first header; a compressed one by what it unpacks to, so that a .gz of a text stays a file. */
async function isArchive(fd: number, head: Uint8Array): Promise<boolean> {
  if (sniffCompression(head) === 'none') return isTarHead(head);
  const { bytes } = await decompress(fileChunks(fd), hostDecompressor);
  try {
    const inner = await peek(bytes);
    await inner.bytes[Symbol.asyncIterator]().return?.(undefined);
    return isTarHead(inner.head);
  } catch {
    return false; // damaged, or not what its first bytes say: copied as it is
  }
}
