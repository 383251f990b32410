import type { ByteString } from '../../../core/index.ts';
import type { FileTime, RootDir } from '../../../sys/index.ts';
import { parentOf } from '../destination.ts';
import { NearFolder } from '../near-folder.ts';
import { transferItem, type Transfer } from '../transfer.ts';
import type { Differences } from './plan.ts';

export interface Destination {
  readonly path: ByteString;
  /** Of the folder whose contents were copied. */
  readonly time: FileTime;
}

/** Makes of an earlier copy's files, on which the tree stands, those of the new one. Throws CONTEXT_CHANGED. */
export async function carryOutDifferences(
  transfer: Omit<Transfer, 'near'>,
  { removed, put }: Differences,
  destination: Destination,
): Promise<void> {
  const { to } = transfer;
  const times = new FolderTimes(to);
  for (const path of removed) {
    times.willChange(parentOf(path));
    if (to.lstat(path).type === 'directory') to.removeAll(path);
    else to.unlink(path);
  }
  using near = new NearFolder(to);
  for (const [target, item] of put) {
    await transfer.breath.due();
    times.willChange(parentOf(target));
    await transferItem({ ...transfer, near }, item, target);
    const { type, mtime: seconds, mtimeNanos: nanos } = item.stat;
    if (type === 'directory') times.set(target, { seconds, nanos });
  }
  const { mtime, mtimeNanos } = to.lstat(destination.path);
  const { seconds, nanos = 0 } = destination.time;
  if (times.has(destination.path) || mtime !== seconds || mtimeNanos !== nanos)
    times.set(destination.path, destination.time);
  times.restore();
}

/** Of folders that something is put into, or taken from: what they are to be in the end. */
class FolderTimes {
  readonly #root: RootDir;
  readonly #times = new Map<ByteString, FileTime>();

  constructor(root: RootDir) {
    this.#root = root;
  }

  has(path: ByteString): boolean {
    return this.#times.has(path);
  }

  set(path: ByteString, time: FileTime): void {
    this.#times.set(path, time);
  }

  willChange(path: ByteString): void {
    if (this.#times.has(path)) return;
    const { mtime: seconds, mtimeNanos: nanos } = this.#root.lstat(path);
    this.#times.set(path, { seconds, nanos });
  }

  restore(): void {
    for (const [path, time] of this.#times) this.#root.setTimes(path, time);
  }
}
