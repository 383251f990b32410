import { execFileSync } from 'node:child_process';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { contentDigestOf, readSource } from '../../src/ops/copy/read.ts';
import type { CopyItem } from '../../src/ops/copy/walk.ts';
import { Breath } from '../../src/snapshot/index.ts';
import { openRootDir } from '../../src/sys/index.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { bytes } from '../support/tree-edits.ts';

const breath = new Breath(new AbortController().signal);
const changed = expect.objectContaining({ code: 'CONTEXT_CHANGED' }) as Error;

/** A file as it was listed, and its folder, which holds another file. */
function listed(): { readonly folder: string; readonly item: CopyItem } {
  const folder = tempFolder('read').path;
  writeFileSync(join(folder, 'file'), 'x'.repeat(1 << 20));
  writeFileSync(join(folder, 'ignored'), 'a secret that .dockerignore keeps out');
  using root = openRootDir(folder);
  return { folder, item: { source: bytes('file'), below: bytes(''), stat: root.lstat(bytes('file')) } };
}

/** Already where the key is made: what is hashed there is what the copy is compared with later. */
describe('S-40 a file that is something else when it is read', () => {
  it.each<readonly [what: string, change: (folder: string) => void]>([
    [
      'a link to a file that the context leaves out',
      (folder) => symlinkSync('ignored', join(folder, 'file')),
    ],
    ['a link out of the context', (folder) => symlinkSync('/etc/passwd', join(folder, 'file'))],
    ['a FIFO that nobody writes to', (folder) => execFileSync('mkfifo', [join(folder, 'file')])],
  ])('%s', async (_, change) => {
    const { folder, item } = listed();
    rmSync(join(folder, 'file'));
    change(folder);
    using root = openRootDir(folder);
    await expect(contentDigestOf(root, item, { breath })).rejects.toThrow(changed);
  });

  it('S-75 a file that is written to meanwhile', async () => {
    const { folder, item } = listed();
    using root = openRootDir(folder);
    let once = true;
    const take = (): void => {
      if (once) writeFileSync(join(folder, 'file'), 'y'.repeat(1 << 20));
      once = false;
    };
    await expect(readSource(root, item, { breath, take })).rejects.toThrow(changed);
    // What lives, such as a log, is taken as it comes.
    await readSource(root, item, { breath, take, living: true });
  });
});
