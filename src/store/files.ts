import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { fromErrno, isErrno } from '../core/index.ts';
import { makeFolder, removeFile } from '../sys/index.ts';

/** Hands out unused paths in a folder of this process on the store's file system. */
export interface Staging {
  file(): string;
}

/**
 * Only what was written last is ever seen under `path`, never a half of it. After a power loss it may be a half all the
 * same, unless it is `synced`.
 */
export function publish(
  staging: Staging,
  path: string,
  bytes: Uint8Array | string,
  { synced = false }: { readonly synced?: boolean } = {},
): void {
  let staged: string | undefined;
  try {
    staged = staging.file();
    writeFileSync(staged, bytes, { flag: 'wx', mode: 0o644, flush: synced });
    moveInto(staged, path);
  } catch (error) {
    if (staged !== undefined) discard(staged);
    throw fromErrno(error, `writing ${path}`);
  }
}

/**
 * As `publish`, for what nobody can make anew: the bytes are on the disk before they take the place of others, so that a
 * power loss leaves the ones or the others. Where there was nothing, nothing can be lost; the same bytes are left alone.
 */
export function replace(staging: Staging, path: string, text: string): void {
  const before = readIfThere(path);
  if (before === undefined) publish(staging, path, text);
  else if (before.toString('utf8') !== text) publish(staging, path, text, { synced: true });
}

/**
 * Renames; folders of shards are made when first needed, which saves a call on all other days. More than once, since
 * whoever prunes removes them as long as they are empty.
 */
export function moveInto(from: string, to: string): void {
  for (let tries = 1; ; tries++) {
    try {
      renameSync(from, to);
      return;
    } catch (error) {
      // `from` may be what is missing.
      if (!isErrno(error, 'ENOENT') || tries === 10) throw error;
    }
    makeFolder(dirname(to));
  }
}

/** The whole of a small file; undefined when there is none. */
export function readIfThere(path: string): Buffer | undefined {
  try {
    // Mostly there is none: an exception costs five times the look. A disk that fails is told, not taken for that.
    if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
    return readFileSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw fromErrno(error, `reading ${path}`);
  }
}

/** JSON of a small file; undefined when there is none or when it is not JSON: a crash may have cut it short. */
export function readJsonIfThere(path: string): unknown {
  const bytes = readIfThere(path);
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

/** Of a temporary file that is not needed any more. Why it was not is told; what resists goes with its folder. */
export function discard(path: string): void {
  try {
    removeFile(path);
  } catch {
    return;
  }
}

/** True when it was there. */
export function removeIfThere(path: string): boolean {
  try {
    return removeFile(path);
  } catch (error) {
    throw fromErrno(error, `removing ${path}`);
  }
}
