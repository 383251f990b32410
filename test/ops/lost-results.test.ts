import { globSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { built, treeLines } from '../support/built-tree.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** All of the store that a pattern names. */
function inStore(root: string, pattern: string): string[] {
  return globSync(pattern, { cwd: root }).map((name) => join(root, name));
}

describe('what the store has lost is made again', () => {
  requires('root', 'overlay', 'tool:getfattr', 'tool:tar');
  const dockerfile = 'FROM scratch\nCOPY a /\nCOPY b /\n';

  it.each<readonly [what: string, lose: (root: string) => void]>([
    ['its layers', (root) => inStore(root, 'oci/blobs/sha256/*').forEach((path) => rmSync(path))],
    [
      'its snapshots',
      (root) => inStore(root, 'snapshots/[a-z0-9]*').forEach((path) => rmSync(path, { recursive: true })),
    ],
    [
      'its records',
      (root) => inStore(root, 'records/*/*/*').forEach((path) => rmSync(path, { recursive: true })),
    ],
    [
      'what its records say',
      (root) =>
        inStore(root, 'records/*/*/*').forEach((path) =>
          writeFileSync(path, '{"result":{"chain":["../.."]}}'),
        ),
    ],
    [
      'half of each record',
      (root) => inStore(root, 'records/*/*/*').forEach((path) => writeFileSync(path, '{"res')),
    ],
  ])('S-71 S-72 %s', async (_, lose) => {
    const { path: root } = tempFolder('root');
    const context = makeContext({ Dockerfile: dockerfile, a: 'a', b: 'b' });
    await built({ context, root });
    lose(root);
    const again = await built({ context, root });
    expect(again.ran).toEqual(expect.arrayContaining(['[1/2] COPY a /', '[2/2] COPY b /']));
    expect(treeLines(await again.tree())).toEqual(['a 644 0:0', 'b 644 0:0']);
    expect((await built({ context, root })).ran).toEqual([]);
  });
});
