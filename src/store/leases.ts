import { closeSync, openSync, readdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { fromErrno, isDigest, type Digest } from '../core/index.ts';
import { isUnlocked, tryTakeLock, randomHex } from '../sys/index.ts';
import { readIfThere } from './files.ts';
import type { Lease } from './types.ts';

export type LeasedItem = { readonly blob: Digest } | { readonly snapshot: string };

/** What all live leases keep together. */
export interface LiveLeases {
  readonly blobs: ReadonlySet<Digest>;
  readonly snapshots: ReadonlySet<string>;
  /** Milliseconds since the epoch when the oldest of them began; undefined when there is none. */
  readonly since: number | undefined;
}

/** The leases of this process. */
export interface Leases {
  open(): Promise<Lease>;
  /** Named in every lease of this process. */
  keep(item: LeasedItem): void;
  /** See `Store.afterDeaths`. */
  afterDeaths(clear: (leases: readonly string[]) => Promise<unknown>): Promise<void>;
}

/** File systems stamp with the tick before the time that the program reads. */
const clockSlack = 1000;

export function openLeases(folder: string): Leases {
  const live = new Set<(line: string) => void>();
  return {
    keep(item) {
      for (const write of live) write(lineOf(item));
    },
    async open() {
      try {
        const lease = createLease(folder);
        live.add(lease.write);
        return {
          id: lease.id,
          keep: async (item) => lease.write(lineOf(item)),
          [Symbol.asyncDispose]: async () => {
            if (live.delete(lease.write)) lease.end();
          },
        };
      } catch (error) {
        throw fromErrno(error, 'starting a lease');
      }
    },
    async afterDeaths(clear) {
      const dead = readdirSync(folder).flatMap((name) => {
        const lock = tryTakeLock(join(folder, name));
        return lock === undefined ? [] : [{ name, lock }];
      });
      if (dead.length === 0) return;
      try {
        // Killed in here, this process leaves them to the next one.
        await clear(dead.map(({ name }) => name));
      } catch (error) {
        for (const { lock } of dead) lock.leave();
        throw error;
      }
      for (const { lock } of dead) lock.release();
    },
  };
}

/** Reads the leases of all processes. Those of the dead stay: what they left behind is found by them. */
export function readLeases(folder: string): LiveLeases {
  const blobs = new Set<Digest>();
  const snapshots = new Set<string>();
  let since: number | undefined;
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (isUnlocked(path)) continue;
    for (const line of readIfThere(path)?.toString('utf8').split('\n') ?? []) {
      const [kind = '', item = ''] = line.split(' ', 2);
      if (kind === 'since') since = Math.min(since ?? Infinity, Number(item));
      if (kind === 'blob' && isDigest(item)) blobs.add(item);
      if (kind === 'snapshot') snapshots.add(item);
    }
  }
  return { blobs, snapshots, since };
}

interface LeaseFile {
  readonly id: string;
  readonly write: (line: string) => void;
  readonly end: () => void;
}

function createLease(folder: string): LeaseFile {
  const { id, path, release } = createLocked(folder);
  let fd: number | undefined;
  const end = (): void => {
    if (fd !== undefined) closeSync(fd);
    release();
  };
  try {
    const opened = (fd = openSync(path, 'a'));
    const write = (line: string): void => {
      try {
        writeSync(opened, line);
      } catch (error) {
        throw fromErrno(error, 'writing a lease');
      }
    };
    write(`since ${Date.now() - clockSlack}\n`);
    return { id, write, end };
  } catch (error) {
    end();
    throw error;
  }
}

function createLocked(folder: string): {
  readonly id: string;
  readonly path: string;
  readonly release: () => void;
} {
  for (;;) {
    const id = randomHex(8);
    const path = join(folder, id);
    const lock = tryTakeLock(path);
    if (lock !== undefined) return { id, path, release: () => lock.release() };
  }
}

function lineOf(item: LeasedItem): string {
  if ('blob' in item) return `blob ${item.blob}\n`;
  if (!/^[A-Za-z0-9._-]+$/.test(item.snapshot)) {
    throw new Error(`not the name of a snapshot: ${JSON.stringify(item.snapshot)}`);
  }
  return `snapshot ${item.snapshot}\n`;
}
