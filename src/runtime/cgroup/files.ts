import { closeSync, mkdirSync, openSync, readFileSync, rmdirSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { isErrno, TsbuildError } from '../../core/index.ts';

export function unavailable(what: string, cause: unknown, file: string): TsbuildError {
  const reason = isErrno(cause, 'ENOENT', 'EACCES', 'EROFS')
    ? 'this kernel does not offer it here'
    : `the kernel refuses the value${cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : ''}`;
  return new TsbuildError('LIMIT_UNAVAILABLE', `the limit ${what} cannot be applied: ${reason}`, {
    hint: `the cgroup file is ${file}; leave the limit out if it is not needed`,
    cause,
  });
}

/** O_WRONLY without O_CREAT: on what is no cgroup file system nothing must come into being. */
export function writeControl(folder: string, file: string, value: string): void {
  writeFileSync(join(folder, file), value, { flag: 'r+' });
}

/**
 * Values into one control file that takes one with each write; `what` names the limit for the user, in the runtime spec's
 * words. Throws LIMIT_UNAVAILABLE.
 */
export function writeLimits(folder: string, file: string, what: string, values: readonly string[]): void {
  if (values.length === 0) return;
  let fd: number | undefined;
  try {
    fd = openSync(join(folder, file), 'r+');
    for (const value of values) writeSync(fd, value);
  } catch (error) {
    throw unavailable(what, error, file);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

export function tryWriteControl(folder: string, file: string, value: string): boolean {
  try {
    writeControl(folder, file, value);
    return true;
  } catch {
    return false;
  }
}

export function readControl(folder: string, file: string): string | undefined {
  try {
    // ASCII, but it is UTF-8 that Node reads in one call. The path is made of validated parts.
    return readFileSync(`${folder}/${file}`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** A file that holds one number; `max` and absent files are undefined. */
export function readNumber(folder: string, file: string): number | undefined {
  const text = readControl(folder, file);
  return text !== undefined && /^[0-9]+$/.test(text) ? Number(text) : undefined;
}

/** The number behind `key` in a file of `key number` lines. */
export function readKeyed(folder: string, file: string, key: string): number | undefined {
  const line = readControl(folder, file)
    ?.split('\n')
    .find((entry) => entry.startsWith(`${key} `));
  return line === undefined ? undefined : Number(line.slice(key.length + 1));
}

/** A fresh folder; one left by a builder that was killed is taken away first. */
export function makeCgroup(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    removeCgroup(path);
    mkdirSync(path);
  }
}

/** Fine when it is gone. Throws EBUSY while processes are in it. */
export function removeCgroup(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

/** SIGKILL to every process until none is left, or for a second. */
export function killCgroup(path: string): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let round = 0; round < 200; round++) {
    const pids = (readControl(path, 'cgroup.procs') ?? '').split('\n').map(Number).filter(isForeignPid);
    if (pids.length === 0) return;
    if (!tryWriteControl(path, 'cgroup.kill', '1')) for (const pid of pids) killQuietly(pid);
    Atomics.wait(pause, 0, 0, 5);
  }
}

function isForeignPid(pid: number): boolean {
  return Number.isInteger(pid) && pid > 1 && pid !== process.pid;
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
