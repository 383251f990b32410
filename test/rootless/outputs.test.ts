import { mkdirSync, chownSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { ordinaryUser } from '../support/as-user.ts';
import { tsbuild } from '../support/cli.ts';
import { makeTar } from '../support/make-tar.ts';
import { requires } from '../support/requires.ts';
import { treeOfFolder, treeOfTar } from '../support/tree.ts';

const files = makeTar([
  { path: 'd/', type: 'directory', mode: 0o700, uid: 12, gid: 13 },
  { path: 'd/shut', body: 'x', mode: 0o400, uid: 1000, gid: 50 },
  { path: 'su', body: 'y', mode: 0o4711, uid: 0 },
]);

describe('outputs of a build without root', () => {
  requires('root', 'overlay', 'tool:setpriv', 'tool:newuidmap', 'tool:getfattr');

  it('O-04 O-05 R-75 a folder is the user’s, a tar has the owners of the image', async () => {
    const user = ordinaryUser();
    const cli = tsbuild(user.store, user.through);
    const context = join(user.home, 'context');
    mkdirSync(context);
    writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nADD files.tar /\n');
    writeFileSync(join(context, 'files.tar'), files);
    chownSync(context, user.uid, user.uid);
    const [folder, tar] = [join(user.home, 'out'), join(user.home, 'out.tar')];
    const flags = ['-o', folder, '-o', `type=tar,dest=${tar}`, '--metadata-file', join(user.home, 'meta')];
    const { status, stderr } = await cli.run(['build', ...flags, context]);
    expect([status, stderr]).toEqual([0, expect.stringContaining('the set-id bits') as string]);
    const own = `${user.uid}:${user.uid}`;
    const lines = (tree: Awaited<ReturnType<typeof treeOfFolder>>): string[] =>
      tree.map(({ path, mode, owner }) => `${path} ${mode} ${owner}`);
    expect(lines(await treeOfFolder(folder))).toEqual([`d 700 ${own}`, `d/shut 400 ${own}`, `su 711 ${own}`]);
    expect(lines(await treeOfTar(tar))).toEqual(['d 700 12:13', 'd/shut 400 1000:50', 'su 4711 0:0']);
    expect(JSON.parse(readFileSync(join(user.home, 'meta'), 'utf8'))).toHaveProperty(
      'containerimage.config.digest',
    );
  });

  it('O-04 a folder of somebody else is refused, and left as it is', async () => {
    const user = ordinaryUser();
    const cli = tsbuild(user.store, user.through);
    const context = join(user.home, 'context');
    mkdirSync(context);
    writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
    const others = join(user.home, 'others');
    mkdirSync(others, { mode: 0o755 });
    const { status, stderr } = await cli.run(['build', '-o', others, context]);
    expect(stderr).toContain('[PERMISSION_DENIED]');
    expect(status).toBe(7);
    expect(await treeOfFolder(others)).toEqual([]);
  });
});
