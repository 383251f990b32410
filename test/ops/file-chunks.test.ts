import { closeSync, fstatSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';

import { fileChunks } from '../../src/ops/file-chunks.ts';
import { tempFolder } from '../support/temp-folder.ts';

it('whoever stops reading a file early finds its descriptor open, and nobody else’s closed', async () => {
  const path = join(tempFolder('chunks').path, 'file');
  const content = Buffer.alloc(1_000_000, 'abc');
  writeFileSync(path, content);
  const fd = openSync(path, 'r');
  try {
    for await (const chunk of fileChunks(fd)) {
      expect(chunk[0]).toBe(content[0]);
      break;
    }
    // What closes it behind one's back does so in a thread.
    for (let turns = 0; turns < 50; turns++) await turn();
    expect(fstatSync(fd).size).toBe(content.length);
    const all: Uint8Array[] = [];
    for await (const chunk of fileChunks(fd)) all.push(chunk);
    expect(Buffer.concat(all).equals(content)).toBe(true);
  } finally {
    closeSync(fd);
  }
});
