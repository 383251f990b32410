import { closeSync, existsSync, mkdirSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, TsbuildError } from '../core/index.ts';
import { namesIn, overwriteFile, removeDeadLocks, tryTakeLock } from '../sys/index.ts';
import type { Subnet } from './address.ts';
import type { BoundPort } from './types.ts';

/** What the others of a network may know about a holder of an address. */
export interface LeaseRecord {
  readonly address: string;
  readonly names: readonly string[];
  readonly ports: readonly BoundPort[];
}

/** An address that is nobody else's while it is held. */
export interface AddressLease {
  readonly address: string;
  /** The last number of the address. */
  readonly number: number;
  /** Publishes what the others may know. */
  write(record: Omit<LeaseRecord, 'address'>): void;
  /** Idempotent. */
  release(): void;
}

const firstNumber = 2;
const lastNumber = 254;
const largestRecord = 64 * 1024;

/**
 * Takes the first free address. One file an address, which is held by locking it: taking one needs no lock over all,
 * and what a killed process held is free at once.
 */
export function leaseAddress(folder: string, subnet: Subnet): AddressLease {
  mkdirSync(folder, { recursive: true });
  for (let number = firstNumber; number <= lastNumber; number++) {
    const lock = tryTakeLock(join(folder, String(number)));
    if (lock === undefined) continue;
    const address = `${subnet}.${number}`;
    return {
      address,
      number,
      write: (record) => overwriteFile(lock.fd, JSON.stringify({ address, ...record })),
      release: () => lock.release(),
    };
  }
  throw new TsbuildError('NETWORK_UNAVAILABLE', `all addresses of ${subnet}.0/24 are in use`, {
    hint: 'remove containers that are not needed, or run with --network host',
  });
}

/** The records of the addresses that are held, of those that `wanted` picks. */
export function liveLeases(folder: string, wanted: (record: LeaseRecord) => boolean): LeaseRecord[] {
  return namesIn(folder).flatMap((number) => {
    const path = join(folder, number);
    const record = readRecord(path);
    return record !== undefined && wanted(record) && isHeld(path) ? [record] : [];
  });
}

/** Removes the records of dead holders. */
export function sweepLeases(folder: string): void {
  if (existsSync(folder)) removeDeadLocks(folder);
}

function isHeld(path: string): boolean {
  const lock = tryTakeLock(path);
  if (lock === undefined) return true;
  // With its file: whoever takes the address next shall not be found by the names of the dead.
  lock.release();
  return false;
}

function readRecord(path: string): LeaseRecord | undefined {
  const bytes = Buffer.alloc(largestRecord);
  let length: number;
  try {
    const fd = openSync(path, 'r');
    try {
      length = readSync(fd, bytes, 0, bytes.length, 0);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    // Given up meanwhile.
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    return recordOf(JSON.parse(bytes.toString('utf8', 0, length)));
  } catch (error) {
    // Empty, only locked as yet, or in the middle of being written: no names so far.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function recordOf(value: unknown): LeaseRecord | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { address, names, ports } = value as Partial<Record<keyof LeaseRecord, unknown>>;
  if (typeof address !== 'string' || !Array.isArray(names) || !Array.isArray(ports)) return undefined;
  return { address, names: names as string[], ports: ports as BoundPort[] };
}
