import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { gathered } from '../../src/store/blob-gather.ts';
import { stageStream } from '../../src/store/blob-stage.ts';
import { tempFolder } from '../support/temp-folder.ts';

const piece = Buffer.alloc(40_000, 'x');

/** Pieces of 40 kB, and whether whoever gives them has ended. */
function source(count: number): {
  readonly pieces: AsyncIterable<Uint8Array>;
  readonly ended: () => boolean;
} {
  let ended = false;
  async function* give(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (let left = count; left > 0; left--) yield piece;
    } finally {
      ended = true;
    }
  }
  return { pieces: give(), ended: () => ended };
}

async function long(pieces: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const bytes = await gathered(pieces);
  if (bytes instanceof Uint8Array) throw new Error('all of it was gathered');
  return bytes;
}

describe('a stream that is too long to be gathered', () => {
  it('has all of its bytes', async () => {
    const { pieces, ended } = source(5);
    const found: Uint8Array[] = [];
    for await (const bytes of await long(pieces)) found.push(bytes);
    expect(Buffer.concat(found).equals(Buffer.concat(Array.from({ length: 5 }, () => piece)))).toBe(true);
    expect(ended()).toBe(true);
  });

  it('ends its source where it is left early', async () => {
    const { pieces, ended } = source(5);
    for await (const bytes of await long(pieces)) {
      expect(bytes).toHaveLength(piece.length);
      break;
    }
    expect(ended()).toBe(true);
  });

  it('S-72 ends its source where there is no file to write it to', async () => {
    const { pieces, ended } = source(5);
    const path = join(tempFolder('blobs').path, 'none', 'file');
    await expect(stageStream(await long(pieces), {}, path)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(ended()).toBe(true);
  });
});
