import { statfsSync } from 'node:fs';

import type { Digest } from '../../core/index.ts';
import { mostBatchBytes, type FileStat } from '../../sys/index.ts';
import { FolderMemos } from './folder-memos.ts';
import { sameVersion } from './read.ts';
import { RowCache } from './row-cache.ts';

/**
 * What is known of a file's content from its stat alone: the digest of its bytes, and whether it has no xattrs that
 * a copy keeps.
 */
export interface KnownContent {
  readonly content: Digest;
  readonly plain: boolean;
}

/** A file that was just read from start to end without a change. */
export interface ReadFile extends KnownContent {
  readonly fd: number;
  readonly stat: FileStat;
  /** `fileClock` before anything of it was read. */
  readonly began: number;
}

/** A folder, with its entries' stats and what was read after them. */
export interface Listing {
  readonly folder: number;
  /** Of the folder itself: see `deviceOf`. */
  readonly device: string;
  /** `fileClock` before anything of it was read. */
  readonly began: number;
}

export interface StatCacheOptions {
  /** Called when first needed: the rows that an earlier build left of files, and of folders. */
  readonly load: (kind: 'files' | 'folders') => string | undefined;
  /** In milliseconds: changes of a file nearer to each other may leave the same ctime. */
  readonly granularity?: number | undefined;
}

/**
 * Digests of files by device, inode, size and both times to the nanosecond. Whoever writes to a file, or puts back its
 * mtime, changes its ctime; a rename over it brings another inode; hard links are one inode and have one content. What
 * is left are changes within one tick of the file system's clock: a file that changed shortly before it was read is not
 * remembered, so that a later change of the same size cannot hide (S-74).
 */
export class StatCache {
  /** What is known of whole folders. */
  readonly folders: FolderMemos;
  readonly #rows: RowCache;
  readonly #granularity: number;
  readonly #sound = new Map<string, boolean>();
  #files = 0;
  #bytes = 0;
  #isCleared = false;

  constructor({ load, granularity = tick }: StatCacheOptions) {
    this.#rows = new RowCache(() => load('files'));
    this.folders = new FolderMemos({
      load: () => load('folders'),
      // Their rows are still of use when the folder is not what it was.
      found: (files) => {
        this.#rows.pass(files);
      },
    });
    this.#granularity = granularity;
  }

  find(stat: FileStat): KnownContent | undefined {
    const value = this.#rows.find(keyOf(stat));
    if (value === undefined) return undefined;
    return {
      content: `sha256:${value.slice(0, hexLength)}` as Digest,
      plain: value[hexLength] === plainMark,
    };
  }

  /** Remembers what was read of a file of a folder that was still what was listed; says whether. */
  addListed(stat: FileStat, content: Digest, listing: Listing): boolean {
    return this.willShow(stat, listing) && this.#add(stat, { content, plain: true });
  }

  /** Remembers what was read, if `listed` still was that version of the file and nothing could change it unseen; says whether. */
  add(listed: FileStat, { fd, stat, began, content, plain }: ReadFile): boolean {
    if (!isSame(listed, stat) || !this.#isSettled(stat, began) || !this.#isSound(fd, deviceOf(stat)))
      return false;
    return this.#add(listed, { content, plain });
  }

  #add(stat: FileStat, { content, plain }: KnownContent): boolean {
    this.#rows.add(keyOf(stat), `${content.slice('sha256:'.length)}${plain ? plainMark : ' '}`);
    this.#files += 1;
    this.#bytes += stat.size;
    return true;
  }

  /** Whether a later change of what a folder lists shows in its stat. */
  willShow(stat: FileStat, { folder, device, began }: Listing): boolean {
    if (!this.#isSettled(stat, began)) return false;
    const own = deviceOf(stat);
    return own === device ? this.#isSound(folder, own) : this.#sound.get(own) === true;
  }

  /** Forgets all: a file was not what its stat promised. */
  clear(): void {
    this.#isCleared = true;
    this.#rows.clear();
    this.folders.clear();
  }

  /** What is to be kept, undefined when nothing is new, or so little that reading it anew costs no more. */
  rows(): { readonly files: string | undefined; readonly folders: string | undefined } {
    const isNew = this.#rows.news || this.folders.news;
    return isNew && this.#isWorthKeeping()
      ? { files: this.#rows.rows(), folders: this.folders.rows() }
      : { files: undefined, folders: undefined };
  }

  #isWorthKeeping(): boolean {
    return this.#isCleared || this.#files >= fewFiles || this.#bytes >= fewBytes || this.#rows.hasEarlier();
  }

  /**
   * Whether whatever changes it from now on gives it another ctime. That of some file systems counts seconds (ext3, and
   * ext4 with small inodes). A file mapped into memory gets no new time for each write to it, and what is written so
   * are large files, as by linkers: those rest longer.
   */
  #isSettled({ ctime, ctimeNanos, size, type }: FileStat, began: number): boolean {
    const isCoarse = ctimeNanos === 0 || (type === 'file' && size > mostBatchBytes);
    const rest = isCoarse ? Math.max(coarsest, this.#granularity) : this.#granularity;
    return began - (ctime * 1000 + ctimeNanos / 1e6) > rest;
  }

  /** Asked of each device once: a context may have others mounted in it. */
  #isSound(fd: number, device: string): boolean {
    let sound = this.#sound.get(device);
    if (sound === undefined) {
      sound = isSound(fd);
      this.#sound.set(device, sound);
    }
    return sound;
  }
}

const hexLength = 64;
const plainMark = '-';
/** The kernel's clock for files ticks every 1 to 10 ms. */
const tick = 20;
const coarsest = 2000;
/** Files, and bytes of them, below which reading them costs no more than looking up what is known of them. */
export const fewFiles = 32;
export const fewBytes = 1 << 20;

/**
 * Types (statfs(2)) of file systems whose ctime is this kernel's and whose inode numbers stay: ext2 to ext4, xfs, btrfs,
 * f2fs, bcachefs, and overlay, which shows the inodes of these. Network and FUSE file systems have the clock of another
 * machine, or numbers made up as needed; FAT has no ctime; files of the kernel have neither; and tmpfs does not note at
 * all when a mapped file is written to.
 */
const soundTypes: ReadonlySet<number> = new Set([
  0xef53, 0x58465342, 0x9123683e, 0xf2f52010, 0xca451a4e, 0x794c7630,
]);

function isSound(fd: number): boolean {
  try {
    return soundTypes.has(statfsSync(`/proc/self/fd/${fd}`).type);
  } catch {
    return false; // no /proc: everything is read
  }
}

function keyOf({ inode, size, mtime, mtimeNanos, ctime, ctimeNanos }: FileStat): string {
  return `${inode} ${size} ${mtime}.${mtimeNanos} ${ctime}.${ctimeNanos}`;
}

function isSame(listed: FileStat, now: FileStat): boolean {
  return listed.inode === now.inode && sameVersion(listed, now);
}

export function deviceOf({ inode }: FileStat): string {
  return inode.slice(0, inode.indexOf(':'));
}
