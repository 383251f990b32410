import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { extractArchive } from '../../src/snapshot/apply.ts';
import { openRootDir } from '../../src/sys/index.ts';
import { makeTar, streamOf, type TarSpec } from '../support/make-tar.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { treeOfFolder, type TreeEntry } from '../support/tree.ts';

requires('root', 'tool:getfattr');

async function extract(
  specs: readonly TarSpec[],
  options: { owner?: { uid: number; gid: number }; before?: (root: string) => void } = {},
): Promise<TreeEntry[]> {
  using folder = tempFolder('extract');
  options.before?.(folder.path);
  using root = openRootDir(folder.path);
  const { entries } = await extractArchive(streamOf(makeTar(specs)), root, {
    devices: 'refuse',
    owner: options.owner,
  });
  expect(entries).toBe(specs.length);
  return await treeOfFolder(folder.path);
}

describe('L-175 an archive over an existing tree', () => {
  it('replaces files, keeps what it does not name, merges directories', async () => {
    const tree = await extract(
      [{ path: 'd', type: 'directory', mode: 0o700 }, { path: 'd/new' }, { path: 'f', mode: 0o600 }],
      {
        before: (root) => {
          mkdirSync(join(root, 'd'));
          writeFileSync(join(root, 'd', 'old'), '');
          writeFileSync(join(root, 'f'), 'old', { mode: 0o777 });
        },
      },
    );
    expect(tree.map(({ path, mode }) => `${path} ${mode}`)).toEqual([
      'd 700',
      'd/new 644',
      'd/old 644',
      'f 600',
    ]);
  });

  it('gives every entry the owner asked for, implied parents excepted', async () => {
    const tree = await extract(
      [
        { path: 'a/f', uid: 5, gid: 5, mode: 0o4755 },
        { path: 'l', type: 'symlink', link: 'x', uid: 5 },
        { path: 'd', type: 'directory', gid: 5 },
      ],
      { owner: { uid: 42, gid: 43 } },
    );
    expect(tree.map(({ path, owner, mode }) => `${path} ${owner} ${mode}`)).toEqual([
      'a 0:0 755',
      'a/f 42:43 4755',
      'd 42:43 755',
      'l 42:43 777',
    ]);
  });

  it('follows symlinks of the tree inside of it', async () => {
    const tree = await extract([{ path: 'lib/new' }], {
      before: (root) => {
        mkdirSync(join(root, 'usr/lib'), { recursive: true });
        symlinkSync('/usr/lib', join(root, 'lib'));
      },
    });
    expect(tree.map(({ path }) => path)).toEqual(['lib', 'usr', 'usr/lib', 'usr/lib/new']);
  });

  it('makes what a dangling symlink of the tree leads to', async () => {
    const tree = await extract([{ path: 'var/run/pid' }], {
      before: (root) => {
        mkdirSync(join(root, 'var'));
        symlinkSync('../run', join(root, 'var', 'run'));
      },
    });
    expect(tree.map(({ path }) => path)).toEqual(['run', 'run/pid', 'var', 'var/run']);
  });
});
