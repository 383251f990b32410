import { closeSync, constants, fstatSync, mkdtempSync } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';

import { fromText, isErrno, toText, TsbuildError, type ByteString } from '../../../core/index.ts';
import { openRootDir, type FileStat, type FileTime, type RootDir } from '../../../sys/index.ts';

/** Where a mount would be, links resolved: absolute below the tree. */
interface Point {
  readonly path: ByteString;
  /** What was there, under this name beside the tree. */
  readonly aside: ByteString | undefined;
  /** Gives back what was lent to the tree, before the point is cleared. */
  readonly giveBack: ((root: RootDir, path: ByteString) => void) | undefined;
  /** What was put there, whatever name it has by now. */
  readonly held: number;
}

/**
 * Places in a tree that something else stands in for a while. What was there waits beside the tree, on the same file
 * system, and comes back as it was: the same inodes with the same times. Folders that are missing on the way are made,
 * and taken away again while they are empty; folders' times are put back where only this class changed them.
 *
 * The tree is one nobody writes to at the time; between `place` and `restore` a program may have done anything to it. What
 * it moved or linked somewhere else, which a mount would not have let it, must not be taken for its own work: a secret is
 * among the things that are placed.
 */
export class StagedPoints {
  readonly #tree: string;
  /** The folder that holds the tree: points are reached from here, so that they can be moved out. */
  readonly #above: RootDir;
  readonly #aside: string;
  readonly #points: Point[] = [];
  readonly #made: ByteString[] = [];
  readonly #returned = new Set<number>();
  readonly #times = new Map<
    ByteString,
    { readonly before: FileTime; after: FileTime; readonly inode: string }
  >();

  /** `path`: the host folder of the tree; its parent is the builder's own. */
  constructor(path: string) {
    this.#tree = basename(path);
    this.#above = openRootDir(dirname(path));
    this.#aside = basename(mkdtempSync(join(dirname(path), 'aside-')));
  }

  /** Makes room at the destination and lets `fill` make what is to be there, by a path below `root`. Returns where that is. */
  place(
    destination: string,
    fill: (root: RootDir, path: ByteString) => void,
    giveBack?: Point['giveBack'],
  ): ByteString {
    using tree = this.#above.sub(fromText(this.#tree));
    const path = tree.resolve(fromText(posix.resolve('/', destination)));
    const parent = posix.dirname(path) as ByteString;
    this.#makeParents(tree, parent);
    const inside = this.#points.some((point) => path.startsWith(`${point.path}/`));
    const stands = tree.tryLstat(path) !== undefined;
    let aside: ByteString | undefined;
    if (!inside) this.#remember(tree, parent);
    if (stands && inside) tree.removeAll(path);
    if (stands && !inside) {
      aside = `${this.#aside}/${this.#points.length}` as ByteString;
      this.#above.rename(this.#below(path), aside);
    }
    fill(this.#above, this.#below(path));
    const held = this.#above.open(this.#below(path), pathOnly);
    this.#points.push({ path, aside, giveBack, held });
    this.#noteTimes(tree);
    return path;
  }

  /** A folder that `place` has made. */
  open(path: ByteString): RootDir {
    return this.#above.sub(this.#below(path));
  }

  /** Once, when no program runs in the tree any more. Throws RUN_FAILED when something placed is elsewhere in it. */
  restore(): void {
    try {
      using tree = this.#above.sub(fromText(this.#tree));
      const now = new Map([...this.#times.keys()].map((path) => [path, tree.tryLstat(path)]));
      for (const point of this.#points.toReversed()) this.#clear(point, tree);
      for (const path of this.#made.toReversed()) removeEmpty(tree, path);
      for (const [path, { before, after, inode }] of this.#times) {
        const stat = now.get(path);
        if (stat?.inode !== inode || tree.tryLstat(path)?.inode !== inode) continue;
        tree.setTimes(path, sameTime(stat, after) ? before : timeOf(stat));
      }
      // Given back, it is where it belongs.
      for (const { path, held } of this.#points) if (!this.#returned.has(held)) requireGone(path, held);
    } finally {
      for (const { held } of this.#points) closeSync(held);
      this.#above.removeAll(fromText(this.#aside));
      this.#above[Symbol.dispose]();
    }
  }

  /** Whether the name still stands for what is held. */
  #isAt(path: ByteString, held: number): boolean {
    if (this.#above.tryLstat(this.#below(path)) === undefined) return false;
    const fd = this.#above.open(this.#below(path), pathOnly);
    try {
      const [now, placed] = [fstatSync(fd), fstatSync(held)];
      return now.ino === placed.ino && now.dev === placed.dev;
    } finally {
      closeSync(fd);
    }
  }

  #below(path: ByteString): ByteString {
    return `${this.#tree}${path}` as ByteString;
  }

  #makeParents(tree: RootDir, parent: ByteString): void {
    const missing: ByteString[] = [];
    for (let path = parent; tree.tryLstat(path) === undefined; path = posix.dirname(path) as ByteString) {
      missing.unshift(path);
    }
    for (const path of missing) {
      this.#remember(tree, posix.dirname(path) as ByteString);
      tree.mkdir(path, 0o755);
      this.#made.push(path);
    }
  }

  #remember(tree: RootDir, path: ByteString): void {
    if (this.#times.has(path) || this.#made.includes(path)) return;
    const stat = tree.lstat(path);
    this.#times.set(path, { before: timeOf(stat), after: timeOf(stat), inode: stat.inode });
  }

  #noteTimes(tree: RootDir): void {
    for (const [path, times] of this.#times) times.after = timeOf(tree.lstat(path));
  }

  /** A folder above that the program has exchanged is its own: what was put aside below the old one goes with that. */
  #clear({ path, aside, giveBack, held }: Point, tree: RootDir): void {
    const parent = posix.dirname(path) as ByteString;
    const known = this.#times.get(parent)?.inode;
    const folder = tree.tryLstat(parent);
    if (folder?.type !== 'directory' || (known !== undefined && folder.inode !== known)) return;
    // From above the tree an absolute link of the program's means another place.
    if (this.#above.tryLstat(this.#below(parent))?.inode !== folder.inode) return;
    if (giveBack !== undefined && this.#isAt(path, held)) {
      giveBack(this.#above, this.#below(path));
      this.#returned.add(held);
    }
    this.#above.removeAll(this.#below(path));
    if (aside !== undefined) this.#above.rename(aside, this.#below(path));
  }
}

/** Opens nothing but the name: O_PATH of open(2), which node:fs does not list. */
const pathOnly = 0o10000000 | constants.O_NOFOLLOW;

function removeEmpty(tree: RootDir, path: ByteString): void {
  try {
    tree.rmdir(path);
  } catch (error) {
    if (!isErrno(error, 'ENOTEMPTY', 'ENOENT', 'ENOTDIR')) throw error;
  }
}

function requireGone(path: ByteString, held: number): void {
  if (fstatSync(held).nlink === 0) return;
  throw new TsbuildError(
    'RUN_FAILED',
    `the step moved or linked ${toText(path)}, which is no part of the image`,
    {
      hint: 'with namespaces the system refuses that: leave what is mounted where it is',
    },
  );
}

function timeOf({ mtime, mtimeNanos }: FileStat): FileTime {
  return { seconds: mtime, nanos: mtimeNanos };
}

function sameTime(stat: FileStat, { seconds, nanos = 0 }: FileTime): boolean {
  return stat.mtime === seconds && stat.mtimeNanos === nanos;
}
