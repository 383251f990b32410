import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { canonicalJson, fromErrno, type Json } from '../core/index.ts';
import { publish, readJsonIfThere, type Staging } from './files.ts';

/**
 * Which records outlived a power loss. Nothing is synced file by file, and a build that is done does not wait for the disk
 * either, so after a crash of the machine a record may be there while the snapshot or blob it points to is not. Therefore
 *
 * - every record carries the boot it was written in and the time of that boot's monotonic clock, taken after what it
 *   points to was written; the clock is one for all processes and never steps back;
 * - settling reads the clock, calls syncfs, and then writes that time into one of two files of `settled/<boot>`: what was
 *   written before it is on the disk now, whoever wrote it. The file is the one with the older time, so that the other,
 *   which this syncfs has put on the disk, still says what it said should the new one be lost or damaged;
 * - a sync that fails ends the marks of its boot: the kernel tells of what it could not write once, and the next sync would
 *   succeed without it. That file system's later records are looked at after a reboot, as if nothing had been settled;
 * - a record of the running boot is trusted, since the page cache shows all writes; one of another boot only up to the
 *   later time of that boot's files. What it points to is to be looked at before it is used.
 *
 * A lost or old settled file costs that look, and makes misses of what cannot be checked. A record itself may be torn or
 * even hold the bytes of another deleted one (file systems without ordered data): it does not parse, it names another key,
 * or it has not the digest that it says.
 */
export interface Settled {
  stamp(): Stamp;
  /** Whether what was written by then is what was written. */
  trusts(stamp: Stamp): boolean;
  /** Whether it would be so after a power loss now. */
  isOnDisk(stamp: Stamp): boolean;
  /** Whether nothing of the running boot was settled yet. */
  isFirst(): boolean;
  /** Waits for the disk, and marks nothing: a full one takes no mark. */
  sync(): void;
  /** Waits for the disk, and marks that it did. */
  settle(): void;
  /** Leaves the wait to a process of its own, if one can be had, and if none had to tell of a disk that failed. */
  settleAside(): void;
}

export interface Stamp {
  readonly boot: string;
  /** Nanoseconds of the boot's monotonic clock. */
  readonly at: number;
}

export interface SettledOptions {
  readonly folder: string;
  readonly staging: Staging;
  /** Flushes the store's file system. */
  readonly sync: () => void;
  /** Starts a process that does the same as `settle`, and says whether there is one. */
  readonly syncAside: (boot: string) => boolean;
  readonly boot?: string | undefined;
}

export function openSettled(options: SettledOptions): Settled {
  const { folder, staging } = options;
  const known = new Map<string, number>();
  let running = options.boot;
  const boot = (): string => (running ??= readBootId());

  const timesOf = (of: string): readonly number[] => slots.map((slot) => readTime(folder, of, slot));
  const settledAt = (of: string): number => {
    const at = known.get(of) ?? Math.max(...timesOf(of));
    // The running boot's goes on.
    if (of !== boot()) known.set(of, at);
    return at;
  };
  const isOnDisk = (stamp: Stamp): boolean => isBootId(stamp.boot) && stamp.at <= settledAt(stamp.boot);

  const failed = (): string => join(folder, `${boot()}.failed`);
  const hasFailed = (): boolean => existsSync(failed());

  const sync = (): void => {
    try {
      options.sync();
    } catch (error) {
      noteFailure(failed());
      throw fromErrno(error, 'writing the store to the disk');
    }
  };

  const settle = (): void => {
    const at = now();
    const times = timesOf(boot());
    sync();
    if (hasFailed()) return;
    // Two builds may end together: the later clock stands for both.
    if (at <= Math.max(...times)) return;
    const slot = slots[times.indexOf(Math.min(...times))] ?? slots[0];
    publish(staging, pathOf(folder, boot(), slot), canonicalJson({ boot: boot(), at } satisfies Json));
  };

  return {
    stamp: () => ({ boot: boot(), at: now() }),
    trusts: (stamp) => stamp.boot === boot() || isOnDisk(stamp),
    isOnDisk,
    isFirst: () => Math.max(...timesOf(boot())) < 0,
    sync,
    settle,
    settleAside() {
      if (hasFailed() || !options.syncAside(boot())) settle();
    },
  };
}

function noteFailure(path: string): void {
  try {
    writeFileSync(path, '');
  } catch {
    // The sync's own error is what is told.
  }
}

/** What follows the boot in the files' names. */
const slots = ['', '.1'] as const;
type Slot = (typeof slots)[number];

function pathOf(folder: string, boot: string, slot: Slot): string {
  return join(folder, `${boot}${slot}.json`);
}

/** The boot inside tells it from the bytes of another that a crash left in its place. */
function readTime(folder: string, boot: string, slot: Slot): number {
  const value = readJsonIfThere(pathOf(folder, boot, slot)) as Partial<Stamp> | null | undefined;
  return value?.boot === boot && typeof value.at === 'number' ? value.at : -1;
}

/** As a double: exact to a microsecond for the next hundred years of uptime. */
function now(): number {
  return Number(process.hrtime.bigint());
}

function isBootId(text: string): boolean {
  return /^[0-9a-f-]{36}$/.test(text);
}

function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    // Without /proc each process counts as a boot of its own: only what was settled is trusted.
    return randomUUID();
  }
}
