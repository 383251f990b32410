import { statfsSync } from 'node:fs';

import type { Digest } from '../../core/index.ts';
import type { FileStat } from '../../sys/index.ts';
import { sameVersion } from './read.ts';
import { StatRows } from './stat-rows.ts';

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
  /** When the reading began, in milliseconds since the epoch. */
  readonly began: number;
}

/**
 * Digests of files by device, inode, size and both times to the nanosecond. Whoever writes to a file, or puts back its
 * mtime, changes its ctime; a rename over it brings another inode; hard links are one inode and have one content. What
 * is left are changes within one tick of the file system's clock: a file that changed shortly before it was read is not
 * remembered, so that a later change of the same size cannot hide (S-74).
 */
export class StatCache {
  readonly #load: () => string | undefined;
  #loaded: StatRows | undefined;
  readonly #granularity: number;
  /** Rows of files that were read; offsets of earlier rows that were asked for. */
  readonly #now = new Map<string, string>();
  readonly #asked: number[] = [];
  readonly #sound = new Map<string, boolean>();
  #news = false;

  /**
   * `load`, called when first needed, gives the rows that an earlier build left. `granularity`, in milliseconds: changes
   * of a file nearer to each other may leave the same ctime.
   */
  constructor(load: () => string | undefined, granularity = coarsest) {
    this.#load = load;
    this.#granularity = granularity;
  }

  find(stat: FileStat): KnownContent | undefined {
    const key = keyOf(stat);
    const earlier = this.#earlier();
    const at = earlier.find(key);
    if (at !== undefined) this.#asked.push(at);
    const value = at === undefined ? this.#now.get(key) : earlier.valueAt(at, key);
    if (value === undefined) return undefined;
    return {
      content: `sha256:${value.slice(0, hexLength)}` as Digest,
      plain: value[hexLength] === plainMark,
    };
  }

  /** Remembers what was read, if `listed` still was that version of the file and nothing could change it unseen. */
  add(listed: FileStat, { fd, stat, began, content, plain }: ReadFile): void {
    if (!isSame(listed, stat) || !this.#isSound(fd, deviceOf(stat))) return;
    const changed = Math.max(
      milliseconds(stat.ctime, stat.ctimeNanos),
      milliseconds(stat.mtime, stat.mtimeNanos),
    );
    if (began - changed <= this.#granularity) return;
    this.#now.set(keyOf(listed), `${content.slice('sha256:'.length)}${plain ? plainMark : ' '}`);
    this.#news = true;
  }

  /** Forgets all: a file was not what its stat promised. */
  clear(): void {
    this.#now.clear();
    this.#asked.length = 0;
    this.#loaded = new StatRows('');
    this.#news = true;
  }

  /**
   * What is to be kept, those of this build first; undefined when nothing is new. Files that other steps read earlier
   * stay, but not so many that what is long gone would fill it.
   */
  rows(): string | undefined {
    if (!this.#news) return undefined;
    const earlier = this.#earlier();
    const rows = new Set<string>();
    const take = (row: string, most: number): boolean => rows.size < most && rows.add(row) === rows;
    for (const at of this.#asked) take(earlier.rowAt(at), mostRows);
    for (const [key, value] of this.#now) take(`${key}\t${value}\n`, mostRows);
    const most = Math.min(mostRows, 2 * rows.size + spareRows);
    for (const row of earlier.all()) if (!take(row, most)) break;
    return [...rows].join('');
  }

  #earlier(): StatRows {
    return (this.#loaded ??= new StatRows(this.#load() ?? ''));
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
/** ext3, and ext4 with small inodes, count seconds; the kernel's clock for files ticks every 1 to 10 ms. */
const coarsest = 2000;
const mostRows = 200_000;
const spareRows = 20_000;

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

function deviceOf({ inode }: FileStat): string {
  return inode.slice(0, inode.indexOf(':'));
}

function milliseconds(seconds: number, nanos: number): number {
  return seconds * 1000 + Math.floor(nanos / 1_000_000);
}
