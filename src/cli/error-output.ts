import { writeSync } from 'node:fs';

let isStreaming = false;

/**
 * Writes to standard error at once, as `process.stderr` does to files, pipes and terminals, without making that: its
 * modules take longer to load than a cached build to say all that it says.
 */
export function writeToStderr(text: string): void {
  let left: Uint8Array = Buffer.from(text);
  try {
    while (!isStreaming && left.length > 0) left = left.subarray(writeSync(2, left));
  } catch {
    // Full, and another program has made it non-blocking; or it fails for the stream, too, which tells of it.
    isStreaming = true;
  }
  // From here on in its order.
  if (left.length > 0) process.stderr.write(left);
}
