import { closeSync, constants, fchmodSync, fchownSync, write, writeSync } from 'node:fs';
import { promisify } from 'node:util';

import {
  createDigester,
  digestOf,
  isErrno,
  toText,
  TsbuildError,
  type ByteString,
} from '../../core/index.ts';
import type { Breath } from '../../snapshot/index.ts';
import type { RootDir } from '../../sys/index.ts';
import type { Owner } from './destination.ts';
import type { ModeChange } from './mode.ts';
import type { NearFolder, Place } from './near-folder.ts';
import { changed, largeSize, readSmallSource, readSource } from './read.ts';
import type { FactsOfItems } from './facts.ts';
import type { CopyItem } from './walk.ts';
import type { WrittenFiles } from './written-files.ts';

/** One copy from tree to tree. */
export interface Transfer {
  readonly from: RootDir;
  readonly to: RootDir;
  /** Of `to`, where nobody else works in it. */
  readonly near?: NearFolder | undefined;
  /** Undefined where each item keeps its own. */
  readonly owner: Owner | undefined;
  readonly mode: ModeChange;
  /** Folders that exist keep all but their mode (`--parents`). */
  readonly keepFolders: boolean;
  /** What each file and link must turn out to hold; an `unread` one is taken as it comes. */
  readonly digests: { readonly facts: FactsOfItems };
  readonly breath: Breath;
  /** Of one source: the first name copied of each inode with several; the others become hard links to it (L-171). */
  readonly linked: Map<string, ByteString>;
  /** Told what each file holds, for whoever packs them. */
  readonly written?: WrittenFiles | undefined;
}

/** Copies one item to a path of the destination tree whose folder exists. */
export async function transferItem(transfer: Transfer, item: CopyItem, target: ByteString): Promise<void> {
  const { stat } = item;
  const place = transfer.near?.at(target) ?? { folder: transfer.to, name: target };
  if (stat.type === 'directory') {
    putFolder(transfer, item, { place, target });
    return;
  }
  const earlier = stat.links > 1 && stat.type === 'file' ? transfer.linked.get(stat.inode) : undefined;
  // Mostly nothing is there, which creating finds out by itself.
  const fd = stat.type === 'file' && earlier === undefined ? tryCreate(place) : undefined;
  if (fd !== undefined) {
    await copyFile(transfer, item, { place, fd });
  } else {
    makeRoom(place, target);
    if (earlier !== undefined) {
      transfer.to.link(earlier, target);
      transfer.written?.link(earlier, target);
      return;
    }
    await create(transfer, item, place);
  }
  if (stat.links > 1) transfer.linked.set(stat.inode, target);
  if (stat.type === 'file') transfer.written?.note(target, item, transfer.digests.facts.get(item));
}

function putFolder(
  transfer: Transfer,
  item: CopyItem,
  { place, target }: { readonly place: Place; readonly target: ByteString },
): void {
  const { folder, name } = place;
  const existing = folder.tryLstat(name);
  if (existing !== undefined && existing.type !== 'directory')
    throw new TsbuildError('COPY_FAILED', `cannot copy to non-directory: ${toText(target)}`, {
      hint: 'the source is a folder, but a file of that name is already there',
    });
  if (existing !== undefined && transfer.keepFolders) {
    folder.chmod(name, transfer.mode(item.stat.mode, true));
    return;
  }
  if (existing === undefined) folder.mkdir(name, 0o700);
  setAttributes(transfer, item, place);
}

function makeRoom({ folder, name }: Place, target: ByteString): void {
  const existing = folder.tryLstat(name);
  if (existing?.type === 'directory') {
    throw new TsbuildError('COPY_FAILED', `cannot replace to directory ${toText(target)} with file`, {
      hint: 'a folder of that name is already there',
    });
  }
  if (existing !== undefined) folder.unlink(name);
}

async function create(transfer: Transfer, item: CopyItem, place: Place): Promise<void> {
  const { stat } = item;
  const { folder, name } = place;
  switch (stat.type) {
    case 'file':
      await copyFile(transfer, item, { place, fd: folder.open(name, createFlags, 0o600) });
      return;
    case 'symlink': {
      const text = transfer.digests.facts.get(item)?.link;
      if (text === undefined) throw changed(item);
      folder.symlink(text, name);
      break;
    }
    case 'char':
    case 'block':
    case 'fifo':
      folder.mknod(name, { type: stat.type, mode: 0o600, major: stat.major, minor: stat.minor });
      break;
    case 'socket':
    case 'directory':
      throw new Error(`not an item to create: ${stat.type}`);
  }
  setAttributes(transfer, item, place);
}

export const createFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** Undefined where something is there. */
function tryCreate({ folder, name }: Place): number | undefined {
  try {
    return folder.open(name, createFlags, 0o600);
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return undefined;
    throw error;
  }
}

/** The bytes written are hashed again: what is saved under a key is what that key was made of. Closes the descriptor. */
async function copyFile(
  transfer: Transfer,
  item: CopyItem,
  { place, fd }: { readonly place: Place; readonly fd: number },
): Promise<void> {
  try {
    await copyContent(transfer, item, fd);
    ownFile(transfer, item, fd);
  } finally {
    closeSync(fd);
  }
  copyXattrs(transfer, item, place);
  place.folder.setTimes(place.name, { seconds: item.stat.mtime, nanos: item.stat.mtimeNanos });
}

/** Owner first: a change of owner clears set-id bits. */
export function ownFile(transfer: Transfer, item: CopyItem, fd: number): void {
  const { uid, gid } = ownerOf(transfer, item);
  fchownSync(fd, uid, gid);
  fchmodSync(fd, transfer.mode(item.stat.mode, false));
}

async function copyContent(transfer: Transfer, item: CopyItem, fd: number): Promise<void> {
  const { from, breath } = transfer;
  const content = transfer.digests.facts.get(item)?.content;
  const living = content === 'unread';
  const use = (bytes: Uint8Array): boolean => {
    writeAll(fd, bytes);
    return living || digestOf(bytes) === content;
  };
  const matches = readSmallSource(from, item, use, { living });
  if (matches === false) throw changed(item);
  if (matches === true) return;
  const digester = createDigester();
  const take = async (bytes: Uint8Array): Promise<void> => {
    // The kernel copies while this thread hashes.
    const written = writeBeside(fd, bytes);
    digester.update(bytes);
    await written;
  };
  const takeAtOnce = (bytes: Uint8Array): void => {
    digester.update(bytes);
    writeAll(fd, bytes);
  };
  const isLarge = item.stat.size > largeSize;
  await readSource(from, item, { breath, take: isLarge ? take : takeAtOnce, living });
  if (!living && digester.digest() !== content) throw changed(item);
}

function writeAll(fd: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(fd, bytes, written);
}

const writeFrom = promisify(write);

export async function writeBeside(fd: number, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += (await writeFrom(fd, bytes, written, bytes.length - written, null)).bytesWritten;
  }
}

/** Owner first: a change of owner clears set-id bits and capabilities. Folders get their time when they are full. */
function setAttributes(transfer: Transfer, item: CopyItem, place: Place): void {
  const { folder, name } = place;
  const owner = ownerOf(transfer, item);
  folder.chown(name, owner.uid, owner.gid);
  copyXattrs(transfer, item, place);
  if (item.stat.type !== 'symlink')
    folder.chmod(name, transfer.mode(item.stat.mode, item.stat.type === 'directory'));
  if (item.stat.type !== 'directory')
    folder.setTimes(name, { seconds: item.stat.mtime, nanos: item.stat.mtimeNanos });
}

export function ownerOf({ owner }: Pick<Transfer, 'owner'>, { stat }: CopyItem): Owner {
  return owner ?? { uid: stat.uid, gid: stat.gid };
}

export function copyXattrs({ digests }: Transfer, item: CopyItem, { folder, name }: Place): void {
  if (item.stat.type === 'symlink') return;
  for (const [attribute, value] of digests.facts.get(item)?.xattrs ?? [])
    folder.setXattr(name, attribute, value);
}
