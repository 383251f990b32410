import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';

import { tsbuildProgram } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { runCli } from '../support/run-cli.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('flags of run', () => {
  const { cli, sh } = runCli();

  const containers = (): readonly string[] => readdirSync(join(cli.root, 'containers'));

  it('C-71 --rm leaves nothing of the container; without it all stays', async () => {
    const before = containers();
    await cli.ok(['run', '--rm', 'busybox:1', 'touch', '/x']);
    expect((await cli.run(['run', '--rm', 'busybox:1', 'false'])).status).toBe(1);
    expect(containers()).toEqual(before);
    await cli.ok(['run', '--name', 'kept', 'busybox:1', 'sh', '-c', 'echo mine > /file']);
    const [id = ''] = containers().filter((name) => !before.includes(name));
    expect(readFileSync(join(cli.root, 'containers', id, 'fs/file'), 'utf8')).toBe('mine\n');
    await cli.ok(['rm', 'kept']);
    expect(containers()).toEqual(before);
  });

  it.each([
    ['a program that does not exist', ['busybox:1', 'nope'], 127],
    ['a file that cannot be executed', ['busybox:1', '/etc/passwd'], 126],
    ['an image that is not there', ['0123456789ab', 'true'], 125],
    ['a user that does not exist', ['-u', 'nobody-here', 'busybox:1', 'true'], 125],
    ['no command at all', ['--entrypoint', '', 'busybox:1'], 125],
  ])('R-33 C-71 %s leaves nothing behind, without --rm either', async (_, argv, status) => {
    const before = containers();
    const result = await cli.run(['run', ...argv]);
    expect(result.status, result.stderr).toBe(status);
    expect(result.stderr).toMatch(/^tsbuild: .*\[[A-Z_]+\]/);
    expect(containers()).toEqual(before);
  });

  it('C-71 -e and --env-file: the last one counts, flags before files', async () => {
    const { path } = tempFolder('env');
    writeFileSync(join(path, 'one'), 'A=one\nB=one\nFROM_HERE\n');
    writeFileSync(join(path, 'two'), 'B=two\nC=a b=c\n');
    const files = ['--env-file', join(path, 'one'), '--env-file', join(path, 'two')];
    const argv = ['run', '--rm', '-e', 'A=flag', ...files, '-e', 'D=', 'busybox:1'];
    const env = { ...process.env, FROM_HERE: 'yes' };
    const script = 'echo "$A|$B|$C|${D-unset}|$FROM_HERE|$HOSTNAME" | sed "s/|[0-9a-f]\\{12\\}$/|id/"';
    expect(await cli.ok([...argv, 'sh', '-c', script], { env })).toBe('flag|two|a b=c||yes|id');
    for (const bad of [
      ['-e', '=x'],
      ['--env-file', '/no/such'],
    ])
      expect(await cli.run(['run', '--rm', ...bad, 'busybox:1', 'true'])).toMatchObject({ status: 125 });
  });

  it('C-71 -w is made when it is missing, and must be absolute', async () => {
    expect(await sh('pwd', '-w', '/tmp')).toEqual(['/tmp']);
    expect(await sh('pwd; stat -c %u:%a .', '-w', '/new/deep', '-u', 'ada')).toEqual([
      '/new/deep',
      '1000:755',
    ]);
    const relative = await cli.run(['run', '--rm', '-w', 'tmp', 'busybox:1', 'pwd']);
    expect(relative).toMatchObject({ status: 125 });
    expect(relative.stderr).toMatch(/not an absolute path \[USAGE\]/);
  });

  it.each([
    ['ada', '1000:1000'],
    ['ada:staff', '1000:50'],
    ['1234', '1234:0'],
    ['1234:5678', '1234:5678'],
    ['0:staff', '0:50'],
    ['', '0:0'],
  ])('C-71 -u %s is %s', async (user, ids) => {
    expect(await sh('echo $(id -u):$(id -g)', '-u', user)).toEqual([ids]);
  });

  it('C-71 --entrypoint replaces that of the image, and its command', async () => {
    const dockerfile = 'FROM busybox:1\nENTRYPOINT ["echo", "entry"]\nCMD ["image"]\n';
    await cli.ok(['build', '-t', 'entry', makeContext({ Dockerfile: dockerfile })]);
    expect(await cli.ok(['run', '--rm', '--entrypoint', 'pwd', 'entry'])).toBe('/');
    expect(await cli.ok(['run', '--rm', '--entrypoint=echo', 'entry', 'a', '-n'])).toBe('a -n');
    expect(await cli.ok(['run', '--rm', '--entrypoint', '', 'entry', 'echo', 'only'])).toBe('only');
  });

  it('flags behind the image are the command’s own', async () => {
    expect(await cli.ok(['run', '--rm', 'busybox:1', 'echo', '-e', '--rm', '--help', '-t'])).toBe(
      '--rm --help -t',
    );
    expect(await cli.ok(['run', '--rm', '--', 'busybox:1', 'echo', 'x'])).toBe('x');
  });

  it('C-71 --hostname is the name inside, in /etc/hosts too, and not the machine’s', async () => {
    expect(
      await sh('hostname; grep -c lovelace /etc/hosts; cat /etc/hostname', '--hostname', 'lovelace'),
    ).toEqual([...['lovelace', '1', 'lovelace']]);
    const [name] = await sh('hostname');
    expect(name).toMatch(/^[0-9a-f]{12}$/);
    expect(name).not.toBe(hostname());
    for (const bad of ['', 'a b', '-a', 'a/b', 'x'.repeat(65), 'a\n1.2.3.4 b']) {
      const { status, stderr } = await cli.run(['run', '--rm', '--hostname', bad, 'busybox:1', 'true']);
      expect(status).toBe(125);
      expect(stderr).toContain('invalid host name');
    }
  });

  it('C-71 --name is taken once, and is told before anything is unpacked', async () => {
    const before = containers();
    await cli.ok(['run', '--name', 'taken', 'busybox:1', 'true']);
    const again = await cli.run(['run', '--name', 'taken', 'busybox:1', 'true']);
    expect(again).toMatchObject({ status: 125 });
    expect(again.stderr).toMatch(
      /the name taken is in use by container [0-9a-f]{12} \[CONTAINER_NAME_IN_USE\]/,
    );
    expect(again.stderr).toContain('hint: choose another one, or remove that container: tsbuild rm taken');
    expect(containers().length).toBe(before.length + 1);
    await cli.ok(['rm', 'taken']);
    await cli.ok(['run', '--rm', '--name', 'taken', 'busybox:1', 'true']);
    for (const bad of ['x', 'a/b', '../x', '-a', 'a b', 'y'.repeat(129)])
      expect(await cli.run(['run', '--rm', '--name', bad, 'busybox:1', 'true'])).toMatchObject({
        status: 125,
      });
  });

  it('C-71 one name is given to one of many that start at once', async () => {
    const argv = ['run', '--name', 'race', 'busybox:1', 'true'];
    const results = await Promise.all(Array.from({ length: 4 }, () => cli.run(argv)));
    expect(results.map(({ status }) => status).sort()).toEqual([0, 125, 125, 125]);
    await cli.ok(['rm', 'race']);
  });

  it('C-71 --network none has a loopback of its own, host the machine’s network', async () => {
    expect(await sh('ls /sys/class/net', '--network', 'none')).toEqual(['lo']);
    const shared = await sh('readlink /proc/self/ns/net', '--network=host');
    expect(shared).toEqual([readlinkSync('/proc/self/ns/net')]);
    expect(await sh('ls /sys/class/net')).toEqual(['eth0', 'lo']);
  });

  it('pulls what the store does not have, and says so', async () => {
    const { status, stderr } = await cli.run(['run', '--rm', '127.0.0.1:1/none:1', 'true']);
    expect(status).toBe(125);
    expect(stderr).toMatch(
      /^127\.0\.0\.1:1\/none:1 is not in the store: pulling it\ntsbuild: .*\[REGISTRY_UNREACHABLE\]/,
    );
  });

  it('shows the root of the image as it is, whatever the umask here', async () => {
    const dockerfile =
      'FROM busybox:1\nRUN chmod 1711 / && chown 5:6 /\nUSER ada\nRUN cat /etc/hosts >/dev/null && umask\n';
    const [context, name] = [makeContext({ Dockerfile: dockerfile }), 'umask'];
    const masked = (...args: readonly string[]): Promise<string> =>
      runOk(['sh', '-c', 'umask 077; exec "$0" --root "$@"', tsbuildProgram, cli.root, ...args]);
    await masked('build', '--no-cache', '-t', name, context);
    const script = 'stat -c %a:%u:%g /; cat /etc/hosts /etc/resolv.conf /etc/hostname >/dev/null && umask';
    expect(await masked('run', '--rm', name, 'sh', '-c', script)).toBe('1711:5:6\n0022');
  });

  it('runs by id and by a prefix of it', async () => {
    const id = await cli.ok(['images', '-q', '--no-trunc']);
    const own = id.split('\n')[0] ?? '';
    for (const name of [own, own.slice('sha256:'.length), own.slice('sha256:'.length, 22)])
      expect(await cli.run(['run', '--rm', name, 'true'])).toMatchObject({ stderr: '' });
  });

  it('many run side by side from one image', async () => {
    const outputs = await Promise.all(
      Array.from({ length: 6 }, (_, index) => sh(`echo ${index} > /x; sleep 0.1; cat /x`)),
    );
    expect(outputs.flat()).toEqual(['0', '1', '2', '3', '4', '5']);
  });

  it('a detached container ends by itself and tells what it wrote', async () => {
    const id = await cli.ok(['run', '-d', 'busybox:1', 'sh', '-c', 'echo out; echo err >&2; exit 4']);
    expect(await cli.ok(['wait', id])).toBe('4');
    const child = cli.start(['logs', id]);
    const [out, err] = await Promise.all([
      text(child.stdout ?? process.stdin),
      text(child.stderr ?? process.stdin),
    ]);
    expect([out, err]).toEqual(['out\n', 'err\n']);
    await cli.ok(['rm', id]);
  });
});
