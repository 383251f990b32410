import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { build } from '../../src/build.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('a COPY of many files', () => {
  requires('root', 'overlay');
  const files = Object.fromEntries(Array.from({ length: 4000 }, (_, n) => [`d/${n}`, `${n}`]));

  it('S-73 hears an interrupt between two of them, and keeps no part', async () => {
    const context = makeContext({ Dockerfile: 'FROM scratch\nCOPY d /d\n', ...files });
    const { path: root } = tempFolder('root');
    const interrupt = new AbortController();
    const building = build({
      root,
      context,
      signal: interrupt.signal,
      emit: (event) => {
        if (event.type === 'step-started') setImmediate(() => interrupt.abort());
      },
    });
    await expect(building).rejects.toMatchObject({ name: expect.stringMatching(/Error/) as string });
    // One that had to be copied to its end would have been committed before the interrupt was heard.
    expect(readdirSync(join(root, 'snapshots')).filter((name) => !name.startsWith('.'))).toEqual([]);
  });
});
