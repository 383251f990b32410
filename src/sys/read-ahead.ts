import { read } from 'node:fs';
import { promisify } from 'node:util';

const readInto = promisify(read);

/** Bytes read at once: memory stays bounded whatever a file's size. */
const pieceBytes = 1 << 20;

/**
 * What a descriptor gives from its position on, to its end or up to `most` bytes. The next piece is read by another
 * thread while this one works on the last, whose memory is used again: it is valid until the next is asked for. The
 * descriptor is to stay open until the generator has ended.
 */
export async function* readAhead(fd: number, most = Infinity): AsyncGenerator<Buffer, void, undefined> {
  let left = most;
  let into = Buffer.allocUnsafeSlow(pieceBytes);
  let spare = Buffer.allocUnsafeSlow(pieceBytes);
  let reading = begin(fd, into, left);
  try {
    for (;;) {
      const length = await reading;
      if (length === 0) return;
      left -= length;
      const piece = into.subarray(0, length);
      [into, spare] = [spare, into];
      reading = begin(fd, into, left);
      yield piece;
    }
  } finally {
    // Whoever closes the descriptor now must not do so under a read that has not yet come back.
    await reading.catch(() => undefined);
  }
}

function begin(fd: number, buffer: Buffer, left: number): Promise<number> {
  const length = Math.min(buffer.length, left);
  if (length === 0) return Promise.resolve(0);
  const reading = readInto(fd, buffer, 0, length, null).then(({ bytesRead }) => bytesRead);
  // It may fail while nobody waits for it yet.
  reading.catch(() => undefined);
  return reading;
}
