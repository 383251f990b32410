import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { digestOf, type Digest } from '../../src/core/index.ts';
import { chainIdOf, contentDigest } from '../../src/snapshot/index.ts';
import { openRootDir } from '../../src/sys/index.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { bytes, editTree } from '../support/tree-edits.ts';

async function digest(edits: readonly string[], path = 'd'): Promise<Digest> {
  using root = openRootDir(tempFolder('content').path);
  editTree(root, edits);
  return await contentDigest(root, bytes(path));
}

const base = ['dir d 0755', 'file d/a 0644 one', 'file d/b 0644 two', 'symlink d/l a'];

describe('the content digest of a path', () => {
  requires('root');

  it('L-172 is of content: not of times, places, hard links or order of making', async () => {
    const expected = await digest(base);
    const same: readonly (readonly [edits: readonly string[], path?: string])[] = [
      [[...base, 'time d 1', 'time d/a 5', 'time d/l 7']],
      [['dir d 0755', 'symlink d/l a', 'file d/b 0644 two', 'file d/a 0644 one', 'file beside 0644']],
      [['dir x/y 0755', 'file x/y/a 0644 one', 'file x/y/b 0644 two', 'symlink x/y/l a'], 'x/y'],
      [['dir d 0755', 'file out 0644 one', 'hardlink d/a out', 'file d/b 0644 two', 'symlink d/l a']],
      [[...base, 'xattr d/a trusted.x 01', 'xattr d/a user.overlay.x 01']],
    ];
    for (const [edits, path] of same) expect(await digest(edits, path), edits.join()).toBe(expected);
  });

  const changes = [
    'file d/a 0644 One',
    'chmod d/a 0755',
    'chmod d 0700',
    'chown d/b 1:0',
    'chown d/b 0:1',
    'mv d/a d/c',
    'rm d/l',
    'symlink d/m a',
    'file d/empty 0644',
    'dir d/e 0755',
    'fifo d/p 0644',
    'char d/n 1:3',
    'char d/n 1:4',
    'block d/n 1:3',
    'xattr d/a user.x 00',
    'xattr d/a user.x 01',
    'xattr d/a security.capability 0100000200040000000000000000000000000000',
  ];

  it('L-172 changes with every name, mode, owner, type, device, link, kept xattr and byte', async () => {
    const digests = [await digest(base)];
    for (const change of changes) digests.push(await digest([...base, change]));
    digests.push(await digest([...base, 'rm d/l', 'symlink d/l b']));
    digests.push(await digest([...base, 'rm d/l', 'file d/l 0644 a']));
    expect(new Set(digests).size).toBe(changes.length + 3);
  });

  it('does not follow the last component, follows those before inside the root', async () => {
    const edits = [...base, 'symlink to d'];
    expect(await digest(edits, 'to')).not.toBe(await digest(base));
    expect(await digest(edits, 'to/a')).toBe(await digest(base, 'd/a'));
    await expect(digest(base, 'd/none')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('reads large files in bounded memory', async () => {
    const folder = tempFolder('content').path;
    using root = openRootDir(folder);
    editTree(root, ['file big 0644 x']);
    truncateSync(join(folder, 'big'), 300_000_000);
    const before = process.memoryUsage().rss;
    await contentDigest(root, bytes('big'));
    expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000);
  });
});

describe('chain id', () => {
  it('is the diff id of one layer, and folds the others in from the bottom', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((text) => digestOf(text));
    if (a === undefined || b === undefined || c === undefined) throw new Error('no digests');
    expect(chainIdOf([])).toBeUndefined();
    expect(chainIdOf([a])).toBe(a);
    expect(chainIdOf([a, b, c])).toBe(digestOf(`${digestOf(`${a} ${b}`)} ${c}`));
  });
});
