import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { ordinaryUser } from '../support/as-user.ts';
import { cacheFolder } from '../support/cache-folder.ts';
import { tsbuild, tsbuildWithBusybox } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { makeTar } from '../support/make-tar.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('cache mounts of an ordinary user', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:setpriv', 'tool:newuidmap', 'tool:tar');

  it('B-04 R-75 go from root to the user and back with the ids of the namespace', async () => {
    const folder = tempFolder('shared').path;
    chmodSync(folder, 0o777);
    const root = await tsbuildWithBusybox();
    const user = ordinaryUser();
    const cli = tsbuild(user.store, user.through);
    const line = 'RUN --mount=type=cache,id=c,target=/c echo 1 > /c/file && chown 1000:50 /c/file';
    await root.ok(['build', makeContext({ Dockerfile: `FROM busybox:1\n${line}\n` })]);
    const [there, back] = [join(folder, 'there.tar'), join(folder, 'back.tar')];
    await root.ok(['cache', 'export', '-o', there]);
    chmodSync(there, 0o644);
    expect(await cli.ok(['cache', 'import', there])).toBe('Imported cache mount: c');
    // 0 is the user's own id, 1 the first of his range.
    expect(statSync(join(cacheFolder(user.store, 'c'), 'file'))).toMatchObject({
      uid: 3_000_999,
      gid: 3_000_049,
    });
    await cli.ok(['cache', 'export', '--compression', 'uncompressed', '-o', back]);
    expect(await runOk(['tar', '--numeric-owner', '-tvf', back, '0/file'])).toContain('1000/50');
  });

  it('B-04 an owner that his namespace does not have is refused, and nothing changes', async () => {
    const folder = tempFolder('foreign').path;
    chmodSync(folder, 0o755);
    const user = ordinaryUser();
    const cli = tsbuild(user.store, user.through);
    const archive = join(folder, 'foreign.tar');
    writeFileSync(archive, makeTar([{ path: 'file', uid: 70_000 }]));
    const { status, stderr } = await cli.run(['cache', 'import', '--id', 'c', archive]);
    expect([status, stderr]).toEqual([
      7,
      expect.stringContaining('its owner is not in the id map of this user'),
    ]);
    expect(await cli.ok(['cache', 'ls', '-q'])).toBe('');
  });
});
