import { symlinkSync, writeFileSync, mkdirSync, linkSync, chmodSync, chownSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { requires } from './requires.ts';
import { runOk } from './run-command.ts';
import { tempFolder } from './temp-folder.ts';
import { diffTrees, treeOfFolder, treeOfTar } from './tree.ts';

describe('projection of a tree', () => {
  requires('root', 'tool:getfattr', 'tool:setfattr');

  it('is the same for a folder and for a tar of it, and shows every kind of difference', async () => {
    const { path } = tempFolder('tree');
    const root = join(path, 'root');
    mkdirSync(join(root, 'dir'), { recursive: true });
    writeFileSync(join(root, 'dir/file'), 'content');
    chmodSync(join(root, 'dir/file'), 0o4755);
    chownSync(join(root, 'dir'), 1000, 2000);
    linkSync(join(root, 'dir/file'), join(root, 'dir/hard'));
    symlinkSync('no/where', join(root, 'link'));
    writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0x0a])]), '');
    await runOk(['mknod', join(root, 'null'), 'c', '1', '3']);
    await runOk(['mkfifo', join(root, 'fifo')]);
    await runOk(['setfattr', '-n', 'user.note', '-v', 'kept', join(root, 'dir/file')]);
    await runOk(['tar', '--xattrs', '-cf', join(path, 'x.tar'), '-C', root, '.']);

    const tree = await treeOfFolder(root);
    expect(diffTrees(tree, await treeOfTar(join(path, 'x.tar')))).toEqual([]);
    expect(tree.map((entry) => [entry.path, entry.type, entry.mode, entry.owner])).toEqual([
      ['dir', 'directory', '755', '1000:2000'],
      ['dir/file', 'file', '4755', '0:0'],
      ['dir/hard', 'file', '4755', '0:0'],
      ['fifo', 'fifo', '644', '0:0'],
      ['link', 'symlink', '777', '0:0'],
      ['null', 'char', '644', '0:0'],
      ['\xff\n', 'file', '644', '0:0'],
    ]);
    expect(tree[1]).toMatchObject({ xattrs: ['user.note=0x6b657074'] });
    expect(tree[2]).toMatchObject({ hardLinkOf: 'dir/file' });
    expect(tree[4]).toMatchObject({ content: 'no/where' });
    expect(tree[5]).toMatchObject({ content: '1:3' });

    writeFileSync(join(root, 'dir/file'), 'changed');
    const changed = await treeOfFolder(root);
    expect(diffTrees(tree, changed).map((line) => line.slice(0, 20))).toHaveLength(4);
    expect(diffTrees(tree, changed, [{ path: /^dir\//, because: 'just written' }])).toEqual([]);
  });
});
