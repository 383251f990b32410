import { lstatSync, renameSync, writeFileSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

import { fromErrno, TsbuildError } from '../core/index.ts';
import { removeFile } from './remove-file.ts';
import { randomHex } from './random.ts';

type Sink = (chunk: Uint8Array) => Promise<void>;

/**
 * Writes a file that appears under its name only when it is whole; one that was there stays until then. What is no
 * regular file (`/dev/null`, a pipe, a link) is written to as it is: replacing it would take it from others.
 */
export async function writeOutputFile(path: string, write: (sink: Sink) => Promise<void>): Promise<void> {
  const target = isReplaceable(path) ? temporaryName(path) : path;
  const file = await opened(target, path);
  try {
    try {
      await write((chunk) => writeAll(file, chunk));
    } finally {
      await file.close();
    }
    if (target !== path) renameSync(target, path);
  } catch (error) {
    if (target !== path) discard(target);
    throw error;
  }
}

/** A small file, whole or not at all: a script that waits for it never reads half an id. */
export function writeSmallFile(path: string, text: string): void {
  const target = isReplaceable(path) ? temporaryName(path) : path;
  try {
    writeFileSync(target, text);
    if (target !== path) renameSync(target, path);
  } catch (error) {
    if (target !== path) discard(target);
    throw cannotWrite(path, error);
  }
}

/** What is no regular file stays, as when it is written. */
export function removeOutputFile(path: string): void {
  if (isReplaceable(path)) removeFile(path);
}

/** Waits until the bytes are out, and fails when nobody reads them any more. */
export function writeTo(stream: NodeJS.WriteStream, chunk: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => {
    // A copy: who writes an archive uses the buffer again.
    const bytes = typeof chunk === 'string' ? chunk : Buffer.from(chunk);
    stream.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length;) {
    done += (await file.write(chunk, done)).bytesWritten;
  }
}

async function opened(target: string, path: string): Promise<FileHandle> {
  try {
    return await open(target, 'w');
  } catch (error) {
    throw cannotWrite(path, error);
  }
}

/** Why the file could not be written is told, not why its rest could not be removed. */
function discard(path: string): void {
  try {
    removeFile(path);
  } catch {
    return;
  }
}

function isReplaceable(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat === undefined || stat.isFile();
}

function temporaryName(path: string): string {
  return `${path}.${randomHex(4)}.tmp`;
}

function cannotWrite(path: string, error: unknown): unknown {
  const known = fromErrno(error, `writing ${path}`);
  if (known instanceof TsbuildError && known.code === 'DISK_FULL') return known;
  const why = error instanceof Error ? error.message : String(error);
  return new TsbuildError('IO_ERROR', `cannot write ${path}: ${why}`, { cause: error });
}
