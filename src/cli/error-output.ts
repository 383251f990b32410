import { fstatSync, writeSync } from 'node:fs';

/** Bytes that a pipe takes though nobody reads them: it holds four times as many, unless others have filled it. */
const pipeRoom = 16 * 1024;

/** Bytes that can be written without a wait. */
let room: number | undefined;
let isStreaming = false;

/**
 * Writes to standard error, at once and without making `process.stderr`, whose modules take longer to load than a cached
 * build to say all that it says. Where a slow reader could keep it waiting the rest goes through that: while a write waits,
 * nothing else is done and no signal heard.
 */
export function writeToStderr(text: string): void {
  let left: Uint8Array = Buffer.from(text);
  isStreaming ||= isStreamMade() || !hasRoom(left.length);
  try {
    while (!isStreaming && left.length > 0) left = left.subarray(writeSync(2, left));
  } catch {
    // Full, and another program has made it non-blocking; or it fails for the stream, too, which tells of it.
    isStreaming = true;
  }
  // From here on in its order.
  if (left.length > 0) process.stderr.write(left);
}

/** What others wrote to it may still be on its way. */
function isStreamMade(): boolean {
  return Object.getOwnPropertyDescriptor(process, 'stderr')?.get === undefined;
}

function hasRoom(length: number): boolean {
  room ??= isPipe() ? pipeRoom : Infinity;
  room -= length;
  return room >= 0;
}

/** Files and terminals wait in a stream, too. */
function isPipe(): boolean {
  const stat = fstatSync(2);
  return stat.isFIFO() || stat.isSocket();
}
