import { fstatSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { canonicalJson, isErrno, type ByteString } from '../core/index.ts';
import {
  makeFolder,
  namesIn,
  openRootDir,
  overlayXattrPrefix,
  removeFile,
  tryFlock,
  type Flock,
} from '../sys/index.ts';
import { markOwners, requireSameOwners } from './owners.ts';
import { isSnapshotId, newSnapshotId } from './snapshot-id.ts';
import type { SnapshotDriver, SnapshotId } from './types.ts';

const formatVersion = 1;

/**
 * The folder of all snapshots. One of them is `ID/fs`, the difference or the tree; `ID/notes`, if its maker left some;
 * `ID/snapshot.json` once it is committed; before, `ID/work` for overlay and `ID/lock`, flocked by its maker: unlocked
 * and without the mark, it is a dead process's leftover.
 */
export class SnapshotFolder {
  readonly path: string;
  /** What the marks name: overlays whose own attributes are spelt in another way are another driver's. */
  readonly #driver: string;
  #empties: readonly [string, string] | undefined;
  #isMarked = false;

  constructor(path: string, driver: SnapshotDriver) {
    this.path = path;
    const isOfUser = driver === 'overlay' && overlayXattrPrefix() === 'user.overlay.';
    this.#driver = isOfUser ? 'overlay-userxattr' : driver;
    requireSameOwners(path);
  }

  of(id: SnapshotId): string {
    // An id may come from a record on disk.
    if (!isSnapshotId(id)) throw new Error(`not a snapshot id: ${JSON.stringify(id)}`);
    return join(this.path, id);
  }

  fs(id: SnapshotId): string {
    return join(this.of(id), 'fs');
  }

  /** See `Snapshotter.notes`. */
  notes(id: SnapshotId): string {
    return join(this.of(id), 'notes');
  }

  /** Two empty directories: overlay wants a lower even below the first layer, and two of them without an upper. */
  empties(): readonly [string, string] {
    if (this.#empties !== undefined) return this.#empties;
    const folder = join(this.path, '.empty');
    makeFolder(folder, 0o700);
    using root = openRootDir(folder);
    const names = ['1', '2'] as ByteString[];
    for (const name of names) {
      root.mkdirAll(name, { mode: 0o755, uid: 0, gid: 0 });
      root.setTimes(name, { seconds: 0 });
    }
    this.#empties = [join(folder, '1'), join(folder, '2')];
    return this.#empties;
  }

  /** A new folder under a free id, its lock held. */
  claim(): { readonly id: SnapshotId; readonly lock: Flock } {
    if (!this.#isMarked) {
      makeFolder(this.path, 0o700);
      markOwners(this.path);
      this.#isMarked = true;
    }
    for (;;) {
      const id = newSnapshotId();
      try {
        mkdirSync(this.of(id), { mode: 0o700 });
        const lock = tryFlock(this.#lockFile(id));
        // A sweep that came between the two calls has taken it for a leftover.
        if (lock !== undefined && this.#holds(id, lock)) return { id, lock };
        lock?.release();
      } catch (error) {
        if (!isErrno(error, 'EEXIST', 'ENOENT')) throw error;
        // All of them may be gone, too.
        if (isErrno(error, 'ENOENT')) makeFolder(this.path, 0o700);
      }
    }
  }

  /** Marks the snapshot committed and gives its lock up. */
  commit(id: SnapshotId, lock: Flock, chain: readonly SnapshotId[]): void {
    const mark = this.#mark(id);
    const text = canonicalJson({ version: formatVersion, driver: this.#driver, chain });
    writeFileSync(`${mark}.new`, text, { flag: 'wx', mode: 0o600 });
    renameSync(`${mark}.new`, mark);
    removeFile(this.#lockFile(id));
    lock.release();
  }

  /** By this driver: another's means something else (its own differences, or whole trees), and is as good as none. */
  isCommitted(id: SnapshotId): boolean {
    return this.#committedBy(id) === this.#driver;
  }

  /** A mark that a power loss has damaged is none. */
  #committedBy(id: SnapshotId): string | undefined {
    try {
      const mark: unknown = JSON.parse(readFileSync(this.#mark(id), 'utf8'));
      if (typeof mark !== 'object' || mark === null || !('version' in mark)) return undefined;
      if (mark.version !== formatVersion || !('driver' in mark)) return undefined;
      return String(mark.driver);
    } catch (error) {
      if (error instanceof SyntaxError || isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
      throw error;
    }
  }

  remove(id: SnapshotId): void {
    // First the mark: whatever stops this half-way leaves a leftover, never half a snapshot.
    removeFile(this.#mark(id));
    using root = openRootDir(this.path);
    root.removeAll(id as string as ByteString);
  }

  /** Removes leftovers; returns how many. */
  sweep(): number {
    let count = 0;
    for (const id of namesIn(this.path).filter(isSnapshotId)) {
      if (this.#committedBy(id) !== undefined) continue;
      const lock = this.#lockOfLeftover(id);
      if (lock === undefined) continue;
      try {
        // Its maker may have committed before the lock was free.
        if (this.#committedBy(id) !== undefined) {
          removeFile(this.#lockFile(id));
        } else {
          this.remove(id);
          count++;
        }
      } finally {
        lock.release();
      }
    }
    return count;
  }

  #mark(id: SnapshotId): string {
    return join(this.of(id), 'snapshot.json');
  }

  #lockFile(id: SnapshotId): string {
    return join(this.of(id), 'lock');
  }

  #holds(id: SnapshotId, lock: Flock): boolean {
    const there = statSync(this.#lockFile(id), { throwIfNoEntry: false });
    return there !== undefined && there.ino === fstatSync(lock.fd).ino;
  }

  #lockOfLeftover(id: SnapshotId): Flock | undefined {
    try {
      return tryFlock(this.#lockFile(id));
    } catch (error) {
      // Removed meanwhile by another sweep.
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }
}
