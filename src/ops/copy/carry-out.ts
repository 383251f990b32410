import { TsbuildError, type ByteString } from '../../core/index.ts';
import type { Breath } from '../../snapshot/index.ts';
import type { FileStat, RootDir } from '../../sys/index.ts';
import {
  childOf,
  makeFolders,
  parentOf,
  resolveDestination,
  type Destination,
  type Owner,
} from './destination.ts';
import type { ModeChange } from './mode.ts';
import { NearFolder } from './near-folder.ts';
import type { SourceTree } from './select.ts';
import type { SelectedFiles, Selection } from './selection.ts';
import { transferItem, type Transfer } from './transfer.ts';
import { unpackArchive } from './unpack.ts';
import type { CopyItem } from './walk.ts';
import type { WrittenFiles } from './written-files.ts';

/** Where copies go, and what becomes of their attributes there. */
export interface CopyTarget {
  readonly root: RootDir;
  /** Absolute, not resolved; a trailing slash means a folder. */
  readonly destination: string;
  /** Of folders made on the way. */
  readonly created: Owner & { readonly mode: number };
  /** Given to all that is copied, where `--chown` was given. */
  readonly chown: Owner | undefined;
  readonly mode: ModeChange;
  /** Folders that exist keep all but their mode (`--parents`). */
  readonly keepFolders: boolean;
  /** Told what each file holds, for whoever packs them. */
  readonly written?: WrittenFiles | undefined;
}

export interface CopySource extends SelectedFiles {
  readonly tree: SourceTree;
  /** Whether what is copied keeps its owner where `--chown` was not given; else it belongs to the superuser (L-170). */
  readonly keepOwners: boolean;
  /** Whether an archive given by name is unpacked. */
  readonly unpack: boolean;
}

/** Copies a selection. Throws COPY_FAILED where types stand in the way, CONTEXT_CHANGED for sources that are not what was hashed. */
export async function carryOut(target: CopyTarget, source: CopySource, breath: Breath): Promise<void> {
  await forgetIfChanged(source, () => copyAll(target, source, breath));
}

/** Else a file that the cache is wrong about would fail every build. */
export async function forgetIfChanged<T>(
  { tree }: Pick<CopySource, 'tree'>,
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof TsbuildError && error.code === 'CONTEXT_CHANGED') tree.known?.clear();
    throw error;
  }
}

async function copyAll(target: CopyTarget, source: CopySource, breath: Breath): Promise<void> {
  const { selection, tree, facts } = source;
  const { root: to, mode, keepFolders } = target;
  if (selection.matches.length === 0) return; // not even a folder is made
  const destination = resolveDestination(to, target.destination, selection);
  makeDestination(target, destination);
  const owner = ownerOfCopies(target, source);
  for (const matched of selection.matches) {
    const linked = new Map<string, ByteString>();
    using near = new NearFolder(to);
    const transfer: Transfer = {
      from: tree.root,
      to,
      near,
      owner,
      mode,
      keepFolders,
      digests: { facts },
      breath,
      linked,
      written: target.written,
    };
    const [only] = matched.items;
    if (only?.below === '' && source.unpack && (await unpack(target, transfer, { item: only, destination })))
      continue;
    for (const item of matched.items) {
      await breath.due();
      await transferItem(transfer, item, targetOf(destination, matched.match.path, item));
    }
    restoreTimes(to, destination, matched);
  }
}

/** Makes the folder that is the destination, or that it is to lie in. */
export function makeDestination({ root, created }: CopyTarget, { path, folder }: Destination): void {
  makeFolders(root, folder ? path : parentOf(path), created);
}

export const superuser: Owner = { uid: 0, gid: 0 };

/** Undefined where each item keeps its own. */
export function ownerOfCopies(
  { chown }: Pick<CopyTarget, 'chown'>,
  { keepOwners }: Pick<CopySource, 'keepOwners'>,
): Owner | undefined {
  return chown ?? (keepOwners ? undefined : superuser);
}

function unpack(
  { created, chown, written }: CopyTarget,
  { from, to, digests, breath }: Transfer,
  { item, destination }: { readonly item: CopyItem; readonly destination: Destination },
): Promise<boolean> {
  // What an archive puts over is not known by name.
  written?.clear();
  const attributes = { ...created, mode: 0o755 };
  const content = digests.facts.get(item)?.content;
  const digest = content === 'unread' ? undefined : content;
  return unpackArchive(
    { from, to, folder: destination.path, owner: chown, attributes, digest, breath },
    item,
  );
}

/**
 * Innermost first, since filling a folder changes its time. A destination that a folder was copied onto takes that
 * folder's time, so that it does not say when the build ran.
 */
export function restoreTimes(
  to: RootDir,
  destination: Destination,
  { match, items }: Selection['matches'][number],
): void {
  const folders = items.filter(({ stat }) => stat.type === 'directory').reverse();
  for (const item of folders) setTime(to, childOf(destination.path, item.below), item.stat);
  if (match.stat.type === 'directory') setTime(to, destination.path, match.stat);
}

function setTime(to: RootDir, path: ByteString, { mtime, mtimeNanos }: FileStat): void {
  to.setTimes(path, { seconds: mtime, nanos: mtimeNanos });
}

/** A file given by name takes its name along into a folder; what is in a folder keeps its path below it. */
export function targetOf(destination: Destination, match: ByteString, item: CopyItem): ByteString {
  if (item.below !== '') return childOf(destination.path, item.below);
  if (!destination.folder) return destination.path;
  return childOf(destination.path, match.slice(match.lastIndexOf('/') + 1) as ByteString);
}
