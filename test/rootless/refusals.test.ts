import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { nativePath } from '../../src/sys/index.ts';
import { ordinaryUser } from '../support/as-user.ts';
import { busyboxName, busyboxRootfs } from '../support/busybox.ts';
import { tsbuild, tsbuildWithBusybox } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

const host = ['--network', 'host'];

describe('what an ordinary user cannot have', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:setpriv', 'tool:newuidmap');

  it('R-70 with one id alone: root in containers, said once, and nobody else', async () => {
    const user = ordinaryUser({ ranges: [] });
    const cli = await tsbuildWithBusybox(user.store, user.through);
    const run = (...args: string[]) => cli.run(['run', '--rm', ...host, ...args]);
    const { status, stdout, stderr } = await run('busybox:1', 'id', '-u');
    expect({ status, stdout }).toEqual({ status: 0, stdout: '0\n' });
    expect(stderr).toMatch(/^warning: only one user and one group exist in containers: .*\/etc\/subuid.*\n$/);
    expect((await run('-u', 'ada', 'busybox:1', 'id')).stderr).toContain(
      'tsbuild: the user 1000 does not exist for containers of this user [PERMISSION_DENIED]\n  hint: ',
    );
    const build = ['build', '-q', ...host, '-f', '-', user.home];
    const told = await cli.run(build, {
      input: 'FROM busybox:1\nRUN touch /a\nRUN chown 1000 /a || exit 3\n',
    });
    expect(told.status).not.toBe(0);
    expect(told.stderr).toContain('did not complete successfully: exit code: 3');
    const copied = await cli.run(build, { input: 'FROM busybox:1\nCOPY --chown=5:5 home /x\n' });
    expect(copied.status).not.toBe(0);
  });

  it('R-70 with one id alone: base images with files of others are refused, never unpacked as if they were his', async () => {
    const user = ordinaryUser({ ranges: [] });
    const cli = tsbuild(user.store, user.through);
    await cli.ok(['import', '-', 'others'], {
      input: await tarOf((root) => runOk(['chown', '42', join(root, 'tmp')])),
    });
    const { status, stderr } = await cli.run(['run', '--rm', ...host, 'others', 'true']);
    expect(status).toBe(125);
    expect(stderr).toContain('its owner is not in the id map of this user [PERMISSION_DENIED]\n');
    expect(stderr).toContain('/etc/subuid');
  });

  it('R-75 a store made with other ids is refused, one made with fewer is not', async () => {
    const folder = tempFolder('store').path;
    const [first, grown, other] = [
      ['3000000:65536'],
      ['3000000:65536', '5000000:100'],
      ['7000000:65536'],
    ].map((ranges) => ordinaryUser({ ranges }));
    if (first === undefined || grown === undefined || other === undefined) throw new Error('three users');
    await runOk(['chmod', '755', folder]);
    const store = join(folder, 'store');
    mkdirSync(store);
    await runOk(['chown', `${first.uid}:${first.uid}`, store]);
    await tsbuildWithBusybox(store, first.through);
    const run = ['run', '--rm', ...host, 'busybox:1', 'true'];
    await tsbuild(store, first.through).ok(run);
    await tsbuild(store, grown.through).ok(run);
    const { status, stderr } = await tsbuild(store, other.through).run(run);
    expect(status).toBe(125);
    expect(stderr).toMatch(
      /were made with other user ids than there are now \[STORE_VERSION\]\n {2}hint: .*--root/,
    );
  });

  it('R-72 device nodes of a base are left out of its tree, stay in its layer, and change no id', async () => {
    const user = ordinaryUser();
    const [asRoot, asUser] = [tsbuild(), tsbuild(user.store, user.through)];
    const tar = await tarOf((root) => runOk(['mknod', join(root, 'dev/odd'), 'c', '1', '7']));
    await asRoot.ok(['import', '-', busyboxName], { input: tar });
    const saved = join(user.home, 'saved.tar');
    await asRoot.ok(['save', '-o', saved, busyboxName]);
    await asUser.ok(['load', '-i', saved]);
    const context = makeContext({ file: 'x' });
    await runOk(['chmod', '755', context]);
    const build = [
      'build',
      '-q',
      ...host,
      '--build-arg',
      'SOURCE_DATE_EPOCH=0',
      '-t',
      'built',
      '-f',
      '-',
      context,
    ];
    const input = 'FROM busybox:1\nCOPY --chmod=644 file /\n';
    expect(await asUser.ok(build, { input })).toBe(await asRoot.ok(build, { input }));
    expect(await asUser.ok(['run', '--rm', ...host, 'built', 'ls', '/file', '/bin/sh'])).toBe(
      '/bin/sh\n/file',
    );
    const again = join(user.home, 'again.tar');
    await asUser.ok(['save', '-o', again, 'built']);
    const kept = await runOk([
      'sh',
      '-c',
      'mkdir "$1.d" && tar -xf "$1" -C "$1.d" && grep -l dev/odd -r "$1.d" | wc -l',
      'x',
      again,
    ]);
    expect(kept).toBe('1');
  });

  it('R-74 where no user namespace can be made, the way to allow them is told', async () => {
    const user = ordinaryUser();
    // A user namespace with all ids, in which there may be no further one: the machine's own setting stays.
    const map = '0 0 4294967295\n';
    const around = [nativePath('launcher'), 'namespace', 'new', '=', map, '=', map, map, map, '/bin/sh'];
    const none = [
      ...[...around, 'sh', '-c', 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"', 'sh'],
      ...user.through,
    ];
    const { status, stderr } = await tsbuild(user.store, none).run(['run', '--rm', 'busybox:1', 'true']);
    expect(status).toBe(125);
    expect(stderr).toBe(
      'tsbuild: a user namespace cannot be made here (unshare: error 28) [HOST_UNSUPPORTED]\n' +
        '  hint: as root: sysctl -w user.max_user_namespaces=15000; else run tsbuild as root\n',
    );
    expect((await tsbuild(user.store, none).run(['images'])).status).toBe(0);
  });

  it('R-54 a runtime folder that others may write to is not used', async () => {
    const user = ordinaryUser();
    writeFileSync(join(user.runtimeFolder, 'tsbuild'), '');
    const { status, stderr } = await tsbuild(user.store, user.through).run(['volume', 'ls']);
    expect(status).not.toBe(0);
    expect(stderr).toContain('is not a folder of this user alone [PERMISSION_DENIED]\n  hint: ');
  });
});

/** The small base, with something changed. */
async function tarOf(change: (root: string) => Promise<unknown>): Promise<Buffer> {
  const root = tempFolder('tree').path;
  await busyboxRootfs(root);
  await change(root);
  const tar = `${root}.tar`;
  await runOk(['tar', '-cf', tar, '-C', root, '.']);
  return readFileSync(tar);
}
