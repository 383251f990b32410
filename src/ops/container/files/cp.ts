import { fromText, isErrno, toText, TsbuildError, type ByteString } from '../../../core/index.ts';
import { Breath, extractArchive, keptXattrs } from '../../../snapshot/index.ts';
import type { RootDir } from '../../../sys/index.ts';
import type { TarSink } from '../../../tar/index.ts';
import { childOf, parentOf, type Owner } from '../../copy/destination.ts';
import type { ItemFacts } from '../../copy/facts.ts';
import { transferItem, type Transfer } from '../../copy/transfer.ts';
import { itemsOf, type CopyItem } from '../../copy/walk.ts';
import { sourcePlace, targetFolder, targetPlace, type CopySide, type CopySourcePlace } from './cp-place.ts';
import { writeTreeArchive } from './tree-archive.ts';
import { randomHex } from '../../../sys/index.ts';

export interface CopyOptions {
  /** A symlink given as source stands for what it leads to. */
  readonly follow: boolean;
  /** Owner of the copies; undefined where they keep theirs. */
  readonly owner: Owner | undefined;
  /**
   * Whether what gives rights to others is copied: set-id bits, file capabilities, device nodes. On the host they would be
   * the container's word about the host's users.
   */
  readonly privileges: boolean;
  /** Folders of the source that are mounts of the kernel's own: what is in them is no file of anybody. */
  readonly hollow: (path: ByteString) => boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface CopyOutcome {
  /** Device nodes that were not copied. */
  readonly devicesLeftOut: number;
}

/** `docker cp` from tree to tree. Every file appears whole. Throws COPY_SOURCE_NOT_FOUND, COPY_FAILED, INTERRUPTED. */
export async function copyFiles(from: CopySide, to: CopySide, options: CopyOptions): Promise<CopyOutcome> {
  const source = sourcePlace(from, options.follow);
  const target = targetPlace(to, source);
  const breath = new Breath(options.signal);
  const all = await itemsBelow(from, source, { options, breath });
  const items = options.privileges ? all : all.filter((item) => !isDevice(item));
  if (items.length === 0 && all.length > 0) {
    throw new TsbuildError('COPY_FAILED', `${from.shown} is a device`, {
      hint: '--archive copies devices, too',
    });
  }
  const transfer = transferOf(from.root, to.root, { options, breath });
  for (const item of items) {
    await breath.due();
    if (item.below === '' && target.isGiven) continue;
    const place = placeOf(target.path, item);
    if (item.stat.type !== 'directory' && to.mountPoints?.has(place) === true) throw isMount(place);
    await onMounts(to, () => putItem(transfer, item, place));
  }
  for (const item of items.toReversed()) {
    if (item.stat.type !== 'directory' || (item.below === '' && target.isGiven)) continue;
    const time = { seconds: item.stat.mtime, nanos: item.stat.mtimeNanos };
    unlessMissing(() => to.root.setTimes(placeOf(target.path, item), time));
  }
  return { devicesLeftOut: all.length - items.length };
}

/** `docker cp SRC -`: the source as a tar whose top entry has its name. */
export async function copyToArchive(from: CopySide, sink: TarSink, options: CopyOptions): Promise<void> {
  const source = sourcePlace(from, options.follow);
  const name = source.contentsOnly ? ('' as ByteString) : source.name;
  const { hollow, signal } = options;
  await writeTreeArchive(from.root, source.path, sink, {
    name,
    hollow: (path) => hollow(unrooted(path)),
    signal,
  });
}

/** `docker cp - DEST`: a tar, unpacked into a folder that exists; its entries keep their owners. */
export async function copyFromArchive(
  archive: AsyncIterable<Uint8Array>,
  to: CopySide,
  signal?: AbortSignal,
): Promise<void> {
  const folder = targetFolder(to);
  using root = to.root.sub(folder);
  const replaces = (path: ByteString): void => {
    const place = childOf(folder, path);
    const mount = [...(to.mountPoints ?? [])].find((each) => each === place || each.startsWith(`${place}/`));
    if (mount !== undefined) throw isMount(mount);
  };
  await onMounts(to, () => extractArchive(archive, root, { devices: 'create', replaces, signal }));
}

/** How often a folder whose files come and go is listed once more. */
const tries = 5;

interface Work {
  readonly options: CopyOptions;
  readonly breath: Breath;
}

/** The source itself first, then what is below it. */
async function itemsBelow(
  { root, shown }: CopySide,
  source: CopySourcePlace,
  { options, breath }: Work,
): Promise<readonly CopyItem[]> {
  const { path, stat } = source;
  if (stat.type === 'socket')
    throw new TsbuildError('COPY_FAILED', `${shown} is a socket, which cannot be copied`);
  const top: CopyItem = { source: unrooted(path), below: '' as ByteString, stat };
  if (stat.type !== 'directory') return [top];
  const { hollow } = options;
  const ignore = { matches: isBelowHollow, canSkipDirectory: isBelowHollow, ignoresAll: false };
  function isBelowHollow(name: ByteString | string): boolean {
    return hollow(parentOf(name as ByteString));
  }
  const match = { path: unrooted(path), stat, wildcard: false };
  for (let left = tries; ; left--) {
    try {
      return [top, ...(await itemsOf({ root, name: shown, ignore }, match, { exclude: undefined, breath }))];
    } catch (error) {
      // A folder went while it was walked through.
      if (left === 1 || !isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw changedMeanwhile(error, top);
    }
  }
}

function transferOf(from: RootDir, to: RootDir, { options, breath }: Work): Transfer {
  const { owner, privileges } = options;
  return {
    from,
    to,
    owner,
    mode: (mode) => (privileges ? mode : mode & ~0o6000),
    keepFolders: false,
    digests: { facts: { get: (item) => factsNow(from, item, privileges) } },
    breath,
    linked: new Map(),
  };
}

/** What an item is at the moment when it is copied: the tree may be that of a running container. */
function factsNow(root: RootDir, { source, stat }: CopyItem, privileges: boolean): ItemFacts {
  const link = stat.type === 'symlink' ? root.readlink(source) : undefined;
  const xattrs = stat.type === 'symlink' ? [] : keptXattrs(root, source);
  return {
    content: 'unread',
    link,
    xattrs: privileges ? xattrs : xattrs.filter(([name]) => name !== 'security.capability'),
  };
}

/** Under a name of its own first: whoever looks, or interrupts, finds the old file or the new one. */
async function putItem(transfer: Transfer, item: CopyItem, target: ByteString): Promise<void> {
  const { to } = transfer;
  const shown = toText(target);
  const existing = to.tryLstat(target);
  try {
    if (item.stat.type === 'directory') {
      await transferItem(transfer, item, target);
      return;
    }
    if (existing?.type === 'directory') {
      throw new TsbuildError('COPY_FAILED', `cannot put a file in place of the folder ${shown}`);
    }
    const temporary = childOf(parentOf(target), fromText(`.tsbuild-cp-${randomHex(6)}`));
    try {
      await transferItem(transfer, item, temporary);
      to.rename(temporary, target);
    } catch (error) {
      unlessMissing(() => to.unlink(temporary));
      throw error;
    }
    if (transfer.linked.has(item.stat.inode)) transfer.linked.set(item.stat.inode, target);
  } catch (error) {
    const vanished = item.below !== '' && transfer.from.tryLstat(item.source) === undefined;
    if (vanished && !(error instanceof TsbuildError && error.code === 'INTERRUPTED')) return;
    throw changedMeanwhile(error, item);
  }
}

function changedMeanwhile(error: unknown, { source }: CopyItem): unknown {
  const isThat =
    (error instanceof TsbuildError && error.code === 'CONTEXT_CHANGED') ||
    isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EINVAL');
  if (!isThat) return error;
  return new TsbuildError('COPY_FAILED', `/${toText(source)} changed while it was being copied`, {
    hint: 'pause the container meanwhile, or copy again',
    cause: error,
  });
}

/** What a mount forbids, in words. */
async function onMounts<T>({ shown }: CopySide, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const cause = error instanceof TsbuildError ? error.cause : error;
    if (isErrno(cause, 'EBUSY')) throw isMount(shown);
    if (!isErrno(cause, 'EROFS')) throw error;
    throw new TsbuildError('COPY_FAILED', `${shown} is on a file system that is mounted read-only`);
  }
}

function isMount(path: string): TsbuildError {
  return new TsbuildError('COPY_FAILED', `${path} is a mount of its own, which cannot be replaced`);
}

function placeOf(target: ByteString, { below }: CopyItem): ByteString {
  return below === '' ? target : childOf(target, below);
}

function isDevice({ stat }: CopyItem): boolean {
  return stat.type === 'char' || stat.type === 'block';
}

function unrooted(path: ByteString): ByteString {
  return path.replace(/^\/+/, '') as ByteString;
}

function unlessMissing(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'EROFS')) throw error;
  }
}
