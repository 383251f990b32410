import { rmdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';

import {
  canonicalJson,
  fromErrno,
  isDigest,
  isErrno,
  digestParts,
  type Json,
  sha256Hex,
} from '../core/index.ts';
import { namesIn } from '../sys/index.ts';
import { publish, readJsonIfThere, removeIfThere, type Staging } from './files.ts';
import type { Settled, Stamp } from './settled.ts';
import type { FoundRecord, RecordCollection, RecordStore } from './types.ts';

const suffix = '.json';
/** Uses within this time of each other count as one: what is used often is not written often. */
const touchedAgainAfter = 3_600_000;

export interface Envelope extends Stamp {
  readonly key: string;
  readonly value: Json;
  /** Digest of all else, for those that the disk may have in part. */
  readonly sum: string | undefined;
}

/** Those that say all themselves: the others point to blobs and snapshots, which may be lost where the record is not. */
const selfContained: ReadonlySet<RecordCollection> = new Set([
  'ops',
  'nearest',
  'listings',
  'builds',
  'mounts',
  'pruned',
]);

/** What a build writes that changed nothing. */
const forPeople: ReadonlySet<RecordCollection> = new Set(['nearest', 'builds']);

export interface RecordStoreOptions {
  readonly folder: string;
  readonly staging: Staging;
  readonly settled: Settled;
  /** Told of what is to be on the disk soon; what is only remembered for people is not. */
  readonly onPut?: (() => void) | undefined;
}

/** `records/<collection>/<two digits>/<key>.json`, so that no folder grows past what readdir does well. */
export function openRecords({ folder, staging, settled, onPut }: RecordStoreOptions): RecordStore {
  const find = (collection: RecordCollection, key: string): FoundRecord | undefined => {
    const found = readEnvelope(readJsonIfThere(pathOf(folder, collection, key)));
    // The key inside tells a record from the bytes of another that a crash left in its place.
    if (found?.key !== `${collection}/${key}`) return undefined;
    if (settled.trusts(found)) return { value: found.value, settled: true };
    return found.sum === sumOf(found) ? { value: found.value, settled: false } : undefined;
  };
  const read = (collection: RecordCollection, key: string): Json | undefined => {
    const found = find(collection, key);
    return found !== undefined && (found.settled || selfContained.has(collection)) ? found.value : undefined;
  };
  return {
    get: async (collection, key) => read(collection, key),
    find: async (collection, key) => find(collection, key),
    has: async (collection, key) => read(collection, key) !== undefined,
    async put(collection, key, value) {
      const envelope = { ...settled.stamp(), key: `${collection}/${key}`, value };
      publish(staging, pathOf(folder, collection, key), textOf(envelope));
      if (!forPeople.has(collection)) onPut?.();
    },
    delete: async (collection, key) => void removeIfThere(pathOf(folder, collection, key)),
    async stat(collection, key) {
      const found = statSync(pathOf(folder, collection, key), { throwIfNoEntry: false });
      return found && { used: found.mtimeMs, version: `${found.ino} ${found.size} ${found.birthtimeMs}` };
    },
    async touch(collection, key) {
      const path = pathOf(folder, collection, key);
      const found = statSync(path, { throwIfNoEntry: false });
      const now = Date.now();
      if (found === undefined || now - found.mtimeMs < touchedAgainAfter) return;
      try {
        utimesSync(path, now / 1000, now / 1000);
      } catch (error) {
        // Removed meanwhile; or a store that is only read.
        if (!isErrno(error, 'ENOENT', 'EROFS', 'EACCES', 'EPERM')) throw fromErrno(error, `touching ${path}`);
      }
    },
    async *list(collection) {
      const base = join(folder, collection);
      for (const shard of namesIn(base)) {
        for (const name of namesIn(join(base, shard))) {
          const key = name.endsWith(suffix) ? name.slice(0, -suffix.length) : '';
          if (isKey(key)) yield key;
        }
      }
    },
  };
}

/** Removes the folders of shards that hold no record any more. */
export function removeEmptyShards(folder: string): void {
  for (const collection of namesIn(folder)) {
    for (const shard of namesIn(join(folder, collection))) {
      try {
        rmdirSync(join(folder, collection, shard));
      } catch (error) {
        if (!isErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR'))
          throw fromErrno(error, `removing ${shard} of ${collection}`);
      }
    }
  }
}

/** Keys become file names: nothing else than these characters, no leading dot, no slash, short enough. */
function isKey(key: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._:-]{0,199}$/.test(key);
}

/** Host path of a record's file. */
export function pathOf(folder: string, collection: RecordCollection, key: string): string {
  if (!isKey(key)) throw new Error(`not the key of a record: ${JSON.stringify(key.slice(0, 250))}`);
  const hex = isDigest(key) ? digestParts(key).hex : sha256Hex(key);
  return join(folder, collection, hex.slice(0, 2), `${key}${suffix}`);
}

function sumOf(envelope: Omit<Envelope, 'sum'>): string {
  const { before, value } = canonicalParts(envelope);
  return sha256Hex(`${before},${value}}`);
}

/** Canonical as a whole, its sum between the parts that it sums up. */
function textOf(envelope: Omit<Envelope, 'sum'>): string {
  const { before, value } = canonicalParts(envelope);
  return `${before},"sum":"${sha256Hex(`${before},${value}}`)}",${value}}`;
}

function canonicalParts({ boot, at, key, value }: Omit<Envelope, 'sum'>): {
  readonly before: string;
  readonly value: string;
} {
  return {
    before: canonicalJson({ boot, at, key }).slice(0, -1),
    value: canonicalJson({ value }).slice(1, -1),
  };
}

export function readEnvelope(value: unknown): Envelope | undefined {
  const found = value as Partial<Envelope> | null | undefined;
  if (typeof found?.boot !== 'string' || typeof found.at !== 'number') return undefined;
  if (typeof found.key !== 'string' || found.value === undefined) return undefined;
  const sum = typeof found.sum === 'string' ? found.sum : undefined;
  return { boot: found.boot, at: found.at, key: found.key, value: found.value, sum };
}
