import { read } from 'node:fs';
import { promisify } from 'node:util';

const chunkSize = 1 << 18;

/**
 * The bytes of an open file from its start. The descriptor stays open: a stream of Node's that is left early closes it
 * whatever `autoClose` says, and whoever closes it then, too, closes what somebody else has opened meanwhile. A read that
 * is under way when nobody listens any more takes nothing from anybody: it has a position.
 */
export async function* fileChunks(fd: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; ;) {
    const { bytesRead, buffer } = await promisify(read)(fd, Buffer.allocUnsafe(chunkSize), 0, chunkSize, at);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}
