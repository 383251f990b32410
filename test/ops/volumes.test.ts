import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

interface InspectedMount {
  readonly Type: string;
  readonly Name?: string;
  readonly Source: string;
  readonly Destination: string;
  readonly RW: boolean;
}

describe('volumes', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
    const dockerfile = [
      'FROM busybox:1',
      'RUN mkdir -p /data/sub /secret && echo hello > /data/file && touch -d @1000000000 /data/file && ln /data/file /data/sub/hard',
      'RUN ln -s /etc/passwd /data/link && mkfifo -m 640 /data/fifo && cp /data/file /data/setuid',
      'RUN chmod 4711 /data/setuid && chown 1000:50 /data /data/sub && chmod 2750 /data',
      'RUN ln -s ../../../../etc /escape && ln -s data /alias',
      'VOLUME /own',
    ].join('\n');
    await cli.ok(['build', '-t', 'filled', makeContext({ Dockerfile: `${dockerfile}\n` })]);
  });

  async function sh(script: string, ...flags: readonly string[]): Promise<readonly string[]> {
    return (await cli.ok(['run', '--rm', ...flags, 'filled', 'sh', '-c', script])).split('\n');
  }
  const names = async (): Promise<readonly string[]> =>
    (await cli.ok(['volume', 'ls', '-q'])).split('\n').filter((name) => name !== '');
  const mountsOf = async (container: string): Promise<readonly InspectedMount[]> => {
    const [found] = JSON.parse(await cli.ok(['inspect', container])) as [{ Mounts: InspectedMount[] }];
    return found.Mounts;
  };

  it('C-71 the first use fills a named volume from the image: owners, modes, times and links', async () => {
    const script = 'cd /mnt; stat -c "%n %u:%g %a %F" . file setuid fifo sub; readlink link; stat -c %h file';
    await cli.ok(['run', '--rm', '-v', 'full:/data', 'filled', 'true']);
    expect(await sh(`${script}; stat -c %Y file; cat file`, '-v', 'full:/mnt')).toEqual([
      '. 1000:50 2750 directory',
      'file 0:0 644 regular file',
      'setuid 0:0 4711 regular file',
      'fifo 0:0 640 fifo',
      'sub 1000:50 755 directory',
      '/etc/passwd',
      '2',
      '1000000000',
      'hello',
    ]);
  });

  it('what a volume holds outlives containers, and later uses leave it alone', async () => {
    await sh('rm /data/file; echo mine > /data/new', '-v', 'kept:/data');
    expect(await sh('ls /data; cat /data/new', '-v', 'kept:/data')).toEqual([
      ...['fifo', 'link', 'new', 'setuid', 'sub', 'mine'],
    ]);
  });

  it.each([
    ['nocopy in -v', ['-v', 'bare1:/data:nocopy']],
    ['volume-nocopy', ['--mount', 'type=volume,source=bare2,target=/data,volume-nocopy']],
  ])('%s leaves a new volume empty', async (_, flags) => {
    expect(await sh('ls /data | wc -l', ...flags)).toEqual(['0']);
  });

  it('S-57 a volume over a link of the image is filled from inside the image, never from the machine', async () => {
    // /escape leads to the image's own /etc, whatever number of dots it has.
    expect(await sh('cat /escape/passwd | head -n1', '-v', 'inner:/escape')).toEqual([
      'root:x:0:0:root:/root:/bin/sh',
    ]);
    const data = join(cli.root, 'volumes/inner/_data');
    expect(readdirSync(data)).toContain('passwd');
    expect(existsSync(join(data, 'machine-id'))).toBe(false);
    // Links in the image are copied as links, and lead nowhere on this machine.
    expect(await sh('readlink /data/link', '-v', 'full:/data')).toEqual(['/etc/passwd']);
  });

  it('S-57 the VOLUME of an image has a volume of its own, removed by --rm and rm -v', async () => {
    const before = await names();
    await cli.ok(['run', '--rm', 'filled', 'touch', '/own/x']);
    expect(await names()).toEqual(before);
    await cli.ok(['run', '--name', 'owner', 'filled', 'touch', '/own/x']);
    const [mount] = await mountsOf('owner');
    expect(mount).toMatchObject({ Type: 'volume', Destination: '/own', RW: true });
    expect(existsSync(join(mount?.Source ?? '', 'x'))).toBe(true);
    await cli.ok(['rm', 'owner']);
    expect(await names()).toContain(mount?.Name);
    await cli.ok(['run', '--name', 'owner', 'filled', 'true']);
    await cli.ok(['rm', '-v', 'owner']);
    expect(await cli.ok(['volume', 'prune'])).toContain(mount?.Name);
    expect(await names()).toEqual(before);
  });

  it('a VOLUME gives way to what is mounted there, under whatever name', async () => {
    const dockerfile = 'FROM filled\nVOLUME /alias\nVOLUME /data\nVOLUME /own/\n';
    await cli.ok(['build', '-t', 'aliased', makeContext({ Dockerfile: dockerfile })]);
    await cli.ok(['run', '--name', 'alias', '-v', 'one:/own', 'aliased', 'true']);
    const mounts = await mountsOf('alias');
    expect(mounts.map(({ Destination }) => Destination).sort()).toEqual(['/data', '/own']);
    await cli.ok(['rm', '-v', 'alias']);
    expect(await names()).toContain('one');
  });

  it('a container that cannot be made leaves no volume of its own', async () => {
    const before = await names();
    expect(await cli.run(['run', '-u', 'nobody-here', 'filled', 'true'])).toMatchObject({ status: 125 });
    expect(await cli.run(['run', 'filled', 'no-such-program'])).toMatchObject({ status: 127 });
    expect(await names()).toEqual(before);
  });

  it('a volume in use is not removed, and who uses it is told', async () => {
    await cli.ok(['run', '--name', 'user1', '-v', 'used:/mnt', 'busybox:1', 'true']);
    const { status, stderr } = await cli.run(['volume', 'rm', 'used']);
    expect(status).toBe(1);
    expect(stderr).toBe(
      'tsbuild: volume used is in use by user1 [VOLUME_IN_USE]\n  hint: remove that container first: tsbuild rm user1\n',
    );
    await cli.ok(['volume', 'prune', '--all']);
    expect(await names()).toContain('used');
    await cli.ok(['rm', 'user1']);
    expect(await cli.ok(['volume', 'rm', 'used'])).toBe('used');
    expect(await names()).not.toContain('used');
  });

  it('create, ls, inspect and rm say what docker says', async () => {
    expect(await cli.ok(['volume', 'create', '--label', 'a=b', '-l', 'c', 'made'])).toBe('made');
    expect(await cli.ok(['volume', 'create', 'made'])).toBe('made');
    expect(JSON.parse(await cli.ok(['volume', 'inspect', 'made']))).toMatchObject([
      {
        Name: 'made',
        Driver: 'local',
        Labels: { a: 'b', c: '' },
        Mountpoint: join(cli.root, 'volumes/made/_data'),
        Scope: 'local',
      },
    ]);
    expect((await cli.ok(['volume', 'ls'])).split('\n')).toContain('local    made');
    const random = await cli.ok(['volume', 'create']);
    expect(random).toMatch(/^[0-9a-f]{64}$/);
    expect(await cli.ok(['volume', 'rm', 'made', random])).toBe(`made\n${random}`);
    const missing = await cli.run(['volume', 'rm', 'mad']);
    expect(missing).toMatchObject({ status: 1 });
    expect(missing.stderr).toContain('no such volume: mad [VOLUME_NOT_FOUND]');
    expect(await cli.ok(['volume', 'rm', '-f', 'mad'])).toBe('mad');
  });

  it.each(['../x', 'a/b', '.hidden', '-x', '', 'a\nb', 'x'.repeat(129)])(
    'S-43 %j is not the name of a volume',
    async (name) => {
      const created = await cli.run(['volume', 'create', '--', name]);
      expect(created).toMatchObject({ status: 2 });
      expect(created.stderr).toContain('invalid volume name');
    },
  );

  it('prune says what it freed', async () => {
    await sh(
      'dd if=/dev/zero of=/mnt/zeros bs=1000 count=5 2>/dev/null; ln /mnt/zeros /mnt/again',
      '-v',
      'big:/mnt',
    );
    expect(await cli.ok(['volume', 'prune'])).toBe('Total reclaimed space: 0B');
    const text = await cli.ok(['volume', 'prune', '-a', '-f']);
    expect(text).toMatch(/^Deleted Volumes:\n[^]*\bbig\n[^]*\nTotal reclaimed space: 5\.?\d*kB$/);
    expect(await names()).toEqual([]);
  });

  it('volume-subpath mounts a folder of the volume, resolved inside it', async () => {
    await sh(
      'mkdir -p /mnt/a/b; echo deep > /mnt/a/b/f; ln -s /etc /mnt/out; ln -s ../../../.. /mnt/up',
      '-v',
      'parts:/mnt',
    );
    const mount = (subpath: string): readonly string[] => [
      '--mount',
      `type=volume,source=parts,target=/x,volume-subpath=${subpath}`,
    ];
    expect(await sh('cat /x/f', ...mount('a/b'))).toEqual(['deep']);
    expect(await sh('ls /x', ...mount('up'))).toEqual(['a', 'out', 'up']);
    for (const bad of ['out', 'no', '../x', '/a']) {
      const failed = await cli.run(['run', '--rm', ...mount(bad), 'filled', 'true']);
      expect(failed).toMatchObject({ status: 125 });
      expect(failed.stderr).toContain('[USAGE]');
    }
  });

  it('a volume cannot lie over a file of the image', async () => {
    const { status, stderr } = await cli.run(['run', '--rm', '-v', 'over:/data/file', 'filled', 'true']);
    expect(status).toBe(125);
    expect(stderr).toContain('a volume cannot be mounted over /data/file, which is no folder [USAGE]');
  });

  it('--volumes-from has the volumes and folders of another container, read-only on demand', async () => {
    const { path } = tempFolder('bound');
    await cli.ok([
      'run',
      '--name',
      'giver',
      '-v',
      'given:/v',
      '-v',
      `${path}:/b`,
      'filled',
      'touch',
      '/own/o',
    ]);
    expect(await sh('touch /v/1 /b/2 && ls /own /v /b', '--volumes-from', 'giver')).toEqual([
      ...['/b:', '2', '', '/own:', 'o', '', '/v:', '1'],
    ]);
    expect(
      await sh('for f in v b own; do touch /$f/3 2>/dev/null || echo no; done', '--volumes-from', 'giver:ro'),
    ).toEqual(['no', 'no', 'no']);
    // What it only borrowed is not removed with it.
    expect(
      existsSync(join((await mountsOf('giver')).find((m) => m.Destination === '/own')?.Source ?? '', 'o')),
    ).toBe(true);
    await cli.ok(['rm', '-v', 'giver']);
    const bad = await cli.run(['run', '--rm', '--volumes-from', 'giver', 'filled', 'true']);
    expect(bad.stderr).toContain('[CONTAINER_NOT_FOUND]');
  });

  it('S-71 many containers that begin at once fill one volume once', async () => {
    const outputs = await Promise.all(
      Array.from({ length: 4 }, () =>
        sh('ls /data | wc -l; echo x >> /data/log', '-v', 'shared:/data', '-v', 'other:/o'),
      ),
    );
    expect(
      outputs
        .flat()
        .map(Number)
        .every((count) => count >= 5),
    ).toBe(true);
    expect(await sh('wc -l < /data/log', '-v', 'shared:/data')).toEqual(['4']);
  });

  it('S-70 what a killed filling left behind is not used, but filled anew', async () => {
    await cli.ok(['volume', 'create', 'torn']);
    const folder = join(cli.root, 'volumes/torn');
    const record = JSON.parse(readFileSync(join(folder, 'volume.json'), 'utf8')) as object;
    writeFileSync(join(folder, 'volume.json'), JSON.stringify({ ...record, state: 'filling' }));
    writeFileSync(join(folder, '_data/file'), 'half of it');
    mkdirSync(join(folder, '_data/leftover'));
    expect(await sh('cat /data/file; ls /data', '-v', 'torn:/data')).toEqual([
      ...['hello', 'fifo', 'file', 'link', 'setuid', 'sub'],
    ]);
  });

  it('S-35 --tmpfs and type=tmpfs: docker’s defaults, and no option that is not known', async () => {
    const options = 'grep " /t " /proc/mounts | cut -d" " -f3,4; stat -c %a /t';
    const [kinds = '', mode] = await sh(options, '--tmpfs', '/t');
    expect(kinds).toMatch(/^tmpfs rw,nosuid,nodev,noexec/);
    expect(mode).toBe('1777');
    const [own = '', ownMode] = await sh(options, '--tmpfs', '/t:size=1m,mode=0750,exec,uid=5');
    expect(own).toMatch(/^tmpfs rw,nosuid,nodev,relatime,size=1024k,/);
    expect(ownMode).toBe('750');
    const [typed = ''] = await sh(
      options,
      '--mount',
      'type=tmpfs,target=/t,tmpfs-size=64k,tmpfs-mode=700,ro',
    );
    expect(typed).toMatch(/^tmpfs ro,nosuid,nodev,noexec,relatime,size=64k,mode=700/);
    for (const bad of ['/t:context=x', '/t:size=-1', '/t:mode=9', 't', '/', '/t:size=1m\0']) {
      const { status, stderr } = await cli.run([
        'run',
        '--rm',
        '--tmpfs',
        bad.replace('\0', ',x=y'),
        'filled',
        'true',
      ]);
      expect(status, bad).toBe(125);
      expect(stderr, bad).toContain('[USAGE]');
    }
  });

  it('--mount type=bind refuses a missing source, which -v makes', async () => {
    const { path } = tempFolder('sources');
    const bind = (name: string, more = ''): readonly string[] => [
      '--mount',
      `type=bind,src=${path}/${name},dst=/x${more}`,
    ];
    const missing = await cli.run(['run', '--rm', ...bind('none'), 'filled', 'true']);
    expect(missing).toMatchObject({ status: 125 });
    expect(missing.stderr).toMatch(/none does not exist on this machine \[USAGE\]\n {2}hint: /);
    expect(existsSync(join(path, 'none'))).toBe(false);
    await sh('touch /x/y', '-v', `${path}/made:/x`);
    expect(statSync(join(path, 'made')).isDirectory()).toBe(true);
    expect(await sh('ls /x; touch /x/z 2>/dev/null || echo ro', ...bind('made', ',readonly'))).toEqual([
      'y',
      'ro',
    ]);
  });

  it('bind-propagation=rslave shows what the machine mounts later; else a bind stays as it was', async () => {
    const { path } = tempFolder('propagated');
    mkdirSync(join(path, 'below'));
    mkdirSync(join(path, 'sign'));
    const script = 'echo up > /x/sign/up; while ! test -e /x/sign/go; do sleep 0.05; done; ls /x/below';
    const source = `type=bind,src=${path},dst=/x`;
    expect(spawnSync('mount', ['--bind', '--make-shared', path, path]).status).toBe(0);
    try {
      for (const [more, seen] of [
        [',bind-propagation=rslave', 'inner'],
        ['', ''],
      ] as const) {
        const output = sh(script, '--mount', `${source}${more}`);
        await expect.poll(() => existsSync(join(path, 'sign/up'))).toBe(true);
        expect(spawnSync('mount', ['-t', 'tmpfs', 'none', join(path, 'below')]).status).toBe(0);
        writeFileSync(join(path, 'below/inner'), '');
        writeFileSync(join(path, 'sign/go'), '');
        expect(await output).toEqual([seen]);
        spawnSync('umount', [join(path, 'below')]);
        for (const name of ['up', 'go']) rmSync(join(path, 'sign', name));
      }
    } finally {
      spawnSync('umount', ['-R', path]);
    }
  });

  it('a bind without recursion leaves out what is mounted below', async () => {
    const { path } = tempFolder('nested');
    mkdirSync(join(path, 'below'));
    expect(spawnSync('mount', ['-t', 'tmpfs', 'none', join(path, 'below')]).status).toBe(0);
    try {
      writeFileSync(join(path, 'below/inner'), '');
      const source = `type=bind,src=${path},dst=/x`;
      expect(await sh('ls /x/below', '--mount', source)).toEqual(['inner']);
      expect(await sh('ls /x/below', '--mount', `${source},bind-recursive=disabled`)).toEqual(['']);
    } finally {
      spawnSync('umount', [join(path, 'below')]);
    }
  });

  it.each([
    ['-v', 'a b:/x', 'invalid volume name'],
    ['-v', 'name:/', 'nothing can be mounted over the whole root'],
    ['-v', 'name:x', 'expected [/host/path:|name:]/container/path'],
    ['-v', '/a:/b:sync', 'the mode sync is not one of'],
    ['-v', '/a:/b:ro:x', 'expected'],
    ['--mount', 'type=nfs,target=/x', 'is not one of bind, volume and tmpfs'],
    ['--mount', 'type=volume,source=x', 'must be an absolute one'],
    ['--mount', 'type=bind,target=/x', 'a bind mount needs source'],
    ['--mount', 'type=volume,target=/x,volume-nocpy', 'did you mean volume-nocopy?'],
    ['--mount', 'type=volume,target=/x,target=/y', 'target is given twice'],
    ['--mount', 'type=tmpfs,source=x,target=/x', 'type=tmpfs has no source'],
    ['--mount', 'type=bind,source=/tmp,target=/x,bind-propagation=odd', 'bind-propagation is one of'],
    ['--mount', 'type=bind,source=/tmp,target=/x,readonly=perhaps', 'readonly is true or false'],
    ['--volumes-from', 'x:y', 'expected container[:ro]'],
  ])('refuses %s %s', async (flag, value, hint) => {
    const { status, stderr } = await cli.run(['run', '--rm', flag, value, 'busybox:1', 'true']);
    expect(status).toBe(125);
    expect(stderr).toContain('[USAGE]');
    expect(stderr).toContain(hint);
  });

  it('two mounts at one place are a mistake', async () => {
    const { status, stderr } = await cli.run(['run', '-v', 'a:/x', '--tmpfs', '/x/', 'busybox:1', 'true']);
    expect(status).toBe(125);
    expect(stderr).toContain('two mounts at /x');
  });
});
