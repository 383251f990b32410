import { closeSync, constants, fchmodSync, fchownSync, writeSync } from 'node:fs';

import { createDigester, toText, TsbuildError, type ByteString } from '../../core/index.ts';
import type { Breath } from '../../snapshot/index.ts';
import type { RootDir } from '../../sys/index.ts';
import type { Owner } from './destination.ts';
import type { ModeChange } from './mode.ts';
import { changed, readSource } from './read.ts';
import type { ItemFacts } from './selection.ts';
import type { CopyItem } from './walk.ts';

/** One copy from tree to tree. */
export interface Transfer {
  readonly from: RootDir;
  readonly to: RootDir;
  /** Undefined where each item keeps its own. */
  readonly owner: Owner | undefined;
  readonly mode: ModeChange;
  /** Folders that exist keep all but their mode (`--parents`). */
  readonly keepFolders: boolean;
  /** What each file and link must turn out to hold; an `unread` one is taken as it comes. */
  readonly digests: { readonly facts: { get(item: CopyItem): ItemFacts | undefined } };
  readonly breath: Breath;
  /** Of one source: the first name copied of each inode with several; the others become hard links to it (L-171). */
  readonly linked: Map<string, ByteString>;
}

/** Copies one item to a path of the destination tree whose folder exists. */
export async function transferItem(transfer: Transfer, item: CopyItem, target: ByteString): Promise<void> {
  const { to } = transfer;
  const existing = to.tryLstat(target);
  if (item.stat.type === 'directory') {
    if (existing !== undefined && existing.type !== 'directory')
      throw new TsbuildError('COPY_FAILED', `cannot copy to non-directory: ${toText(target)}`, {
        hint: 'the source is a folder, but a file of that name is already there',
      });
    if (existing !== undefined && transfer.keepFolders) {
      to.chmod(target, transfer.mode(item.stat.mode, true));
      return;
    }
    if (existing === undefined) to.mkdir(target, 0o700);
    setAttributes(transfer, item, target);
    return;
  }
  if (existing?.type === 'directory') {
    throw new TsbuildError('COPY_FAILED', `cannot replace to directory ${toText(target)} with file`, {
      hint: 'a folder of that name is already there',
    });
  }
  if (existing !== undefined) to.unlink(target);
  const earlier =
    item.stat.links > 1 && item.stat.type === 'file' ? transfer.linked.get(item.stat.inode) : undefined;
  if (earlier !== undefined) {
    to.link(earlier, target);
    return;
  }
  await create(transfer, item, target);
  if (item.stat.links > 1) transfer.linked.set(item.stat.inode, target);
}

async function create(transfer: Transfer, item: CopyItem, target: ByteString): Promise<void> {
  const { to, digests } = transfer;
  const { stat } = item;
  switch (stat.type) {
    case 'file':
      await copyFile(transfer, item, target);
      return;
    case 'symlink': {
      const text = digests.facts.get(item)?.link;
      if (text === undefined) throw changed(item);
      to.symlink(text, target);
      break;
    }
    case 'char':
    case 'block':
    case 'fifo':
      to.mknod(target, { type: stat.type, mode: 0o600, major: stat.major, minor: stat.minor });
      break;
    case 'socket':
    case 'directory':
      throw new Error(`not an item to create: ${stat.type}`);
  }
  setAttributes(transfer, item, target);
}

/** The bytes written are hashed again: what is saved under a key is what that key was made of. */
async function copyFile(transfer: Transfer, item: CopyItem, target: ByteString): Promise<void> {
  const { from, to, breath } = transfer;
  const owner = ownerOf(transfer, item);
  const facts = transfer.digests.facts.get(item);
  const living = facts?.content === 'unread';
  const fd = to.open(
    target,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  const digester = createDigester();
  try {
    const take = (bytes: Uint8Array): void => {
      digester.update(bytes);
      writeAll(fd, bytes);
    };
    await readSource(from, item, { breath, take, living });
    fchownSync(fd, owner.uid, owner.gid);
    fchmodSync(fd, transfer.mode(item.stat.mode, false));
  } finally {
    closeSync(fd);
  }
  if (!living && digester.digest() !== facts?.content) throw changed(item);
  copyXattrs(transfer, item, target);
  to.setTimes(target, { seconds: item.stat.mtime, nanos: item.stat.mtimeNanos });
}

function writeAll(fd: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(fd, bytes, written);
}

/** Owner first: a change of owner clears set-id bits and capabilities. Folders get their time when they are full. */
function setAttributes(transfer: Transfer, item: CopyItem, target: ByteString): void {
  const { to } = transfer;
  const owner = ownerOf(transfer, item);
  to.chown(target, owner.uid, owner.gid);
  copyXattrs(transfer, item, target);
  if (item.stat.type !== 'symlink')
    to.chmod(target, transfer.mode(item.stat.mode, item.stat.type === 'directory'));
  if (item.stat.type !== 'directory')
    to.setTimes(target, { seconds: item.stat.mtime, nanos: item.stat.mtimeNanos });
}

function ownerOf({ owner }: Transfer, { stat }: CopyItem): Owner {
  return owner ?? { uid: stat.uid, gid: stat.gid };
}

function copyXattrs({ to, digests }: Transfer, item: CopyItem, target: ByteString): void {
  if (item.stat.type === 'symlink') return;
  for (const [name, value] of digests.facts.get(item)?.xattrs ?? []) to.setXattr(target, name, value);
}
