import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { fromErrno, isErrno, isJsonObject, type Json } from '../../core/index.ts';
import { isUnlocked, namesIn } from '../../sys/index.ts';
import type { HistoryLimits, PastBuild } from './types.ts';

export const recordFile = 'build.json';
/** Locked by a build that runs and has printed something. */
export const runningFile = 'running';

/** A build's folder: `20261122T163300123-a1b2c3`, so that names alone tell their order and age. */
export interface HistoryEntry {
  readonly path: string;
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly started: number;
}

export function historyFolder(root: string): string {
  return join(root, 'history');
}

export function entryName(started: Date, id: string): string {
  return `${started.toISOString().replaceAll(/[-:.Z]/g, '')}-${id}`;
}

/** Newest first. */
export function historyEntries(root: string): readonly HistoryEntry[] {
  const folder = historyFolder(root);
  return namesIn(folder)
    .sort()
    .reverse()
    .flatMap((name) => {
      const [, y, mo, d, h, mi, s, ms, id = ''] =
        /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})-([0-9a-f]{6})$/.exec(name) ?? [];
      const started = Date.parse(`${y}-${mo}-${d}T${h}:${mi}:${s}.${ms}Z`);
      return Number.isNaN(started) ? [] : [{ path: join(folder, name), id, started }];
    });
}

/** Undefined for a build that still runs, was killed, or whose record a crash left in part. */
export function readEntry({ path, id }: HistoryEntry): PastBuild | undefined {
  try {
    const value = JSON.parse(readFileSync(join(path, recordFile), 'utf8')) as Json;
    // Only this program writes it, and only whole: what is missing was lost with the power.
    if (!isJsonObject(value) || !Array.isArray(value['steps'])) return undefined;
    return { ...(value as unknown as PastBuild), id };
  } catch (error) {
    if (error instanceof SyntaxError || isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw fromErrno(error, `reading ${path}`);
  }
}

/** Bytes of the files of a build. */
export function entrySize({ path }: HistoryEntry): number {
  const sizes = namesIn(path).map((name) => statSync(join(path, name), { throwIfNoEntry: false })?.size ?? 0);
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** All but those of builds that run. Returns what went. */
export function removeEntries(entries: readonly HistoryEntry[]): readonly HistoryEntry[] {
  const gone = entries.filter((entry) => !isRunning(entry));
  for (const { path } of gone) rmSync(path, { recursive: true, force: true });
  return gone;
}

export function isRunning({ path }: HistoryEntry): boolean {
  const lock = join(path, runningFile);
  return existsSync(lock) && !isUnlocked(lock);
}

/**
 * Removes the builds beyond the limits, the oldest first; bytes are counted only when told to, since that takes a look at
 * every file. Returns what went.
 */
export function pruneHistory(
  root: string,
  limits: HistoryLimits,
  options: { readonly now: number; readonly countBytes: boolean },
): readonly HistoryEntry[] {
  let bytes = 0;
  const gone = historyEntries(root).filter((entry, index) => {
    if (index >= limits.builds || options.now - entry.started > limits.age) return true;
    if (!options.countBytes) return false;
    bytes += entrySize(entry);
    // What the newest build printed stays, however much that is.
    return bytes > limits.bytes && index > 0;
  });
  return removeEntries(gone);
}
