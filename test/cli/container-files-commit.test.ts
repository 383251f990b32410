import { readdirSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';

import { tsbuildProgram } from '../support/cli.ts';
import { filesCli, type FilesCli } from '../support/files-container.ts';
import { onTerminal } from '../support/on-terminal.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

interface Inspected {
  readonly Author: string;
  readonly Config: Readonly<Record<string, unknown>>;
  readonly RootFS: { readonly Layers: readonly string[] };
}

describe('commit and export', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: FilesCli;
  beforeAll(async () => {
    cli = await filesCli();
  });

  async function inspect(name: string): Promise<Inspected> {
    return JSON.parse(await cli.ok(['inspect', '--format', 'json', name])) as Inspected;
  }

  it('C-72 commit makes an image of what a container wrote, which runs', async () => {
    await cli.ended('made', 'mkdir /srv; echo written >/srv/file; rm /etc/group');
    const id = await cli.ok(['commit', '-m', 'why', '-a', 'Ada <ada@example.org>', 'made', 'made:1']);
    expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await cli.ok(['run', '--rm', 'made:1', 'sh', '-c', 'cat /srv/file; ls /etc'])).toBe(
      'written\nhostname\nhosts\npasswd\nresolv.conf',
    );
    const image = await inspect('made:1');
    expect(image.Author).toBe('Ada <ada@example.org>');
    expect(image.RootFS.Layers).toHaveLength(2);
    expect(image.Config['Cmd']).toEqual(['sh', '-c', 'mkdir /srv; echo written >/srv/file; rm /etc/group']);
    expect(await cli.ok(['history', 'made:1'])).toContain('why');
  });

  it('C-72 commit --change takes what changes a config, by the rules of a Dockerfile', async () => {
    await cli.ended('changed', 'true', '-e', 'FROM_RUN=1', '-w', '/var', '--label', 'given=run');
    const changes = [
      'ENV A=1 B="two words"',
      'LABEL made=$A',
      'EXPOSE 80',
      'USER ada',
      'WORKDIR work',
      'VOLUME /data',
      'STOPSIGNAL SIGINT',
      'SHELL ["/bin/ash", "-c"]',
      'ENTRYPOINT ["echo"]',
      'CMD hello',
      'HEALTHCHECK --interval=5s CMD true',
      'ONBUILD RUN true',
    ];
    await cli.ok(['commit', ...changes.flatMap((change) => ['-c', change]), 'changed', 'changed:1']);
    const { Config } = await inspect('changed:1');
    expect(Config).toMatchObject({
      Env: expect.arrayContaining(['FROM_RUN=1', 'A=1', 'B=two words']) as unknown,
      Labels: { given: 'run', made: '1' },
      ExposedPorts: { '80/tcp': {} },
      User: 'ada',
      WorkingDir: '/var/work',
      Volumes: { '/data': {} },
      StopSignal: 'SIGINT',
      Shell: ['/bin/ash', '-c'],
      Entrypoint: ['echo'],
      Cmd: ['/bin/ash', '-c', 'hello'],
      Healthcheck: { Test: ['CMD-SHELL', 'true'], Interval: 5e9 },
      OnBuild: ['RUN true'],
    });
  });

  it.each([
    ['RUN true', /^tsbuild: --change: RUN is not possible \[USAGE\]\n {2}hint: only CMD, ENTRYPOINT/, 2],
    ['FROM other', /^tsbuild: --change: FROM is not possible \[USAGE\]/, 2],
    ['EXPOSE nonsense', /EXPOSE nonsense/, 3],
    ['CDM true', /did you mean CMD/, 3],
  ])('C-72 commit --change %j is refused before anything is made', async (change, message, status) => {
    if ((await cli.run(['inspect', 'refused'])).status !== 0) await cli.ended('refused', 'true');
    const result = await cli.run(['commit', '-c', change, 'refused', 'refused:1']);
    expect(result).toMatchObject({ status, stdout: '' });
    expect(result.stderr).toMatch(message);
    expect((await cli.run(['inspect', 'refused:1'])).status).toBe(1);
  });

  it('C-72 commit carries the user, and an entry point that was replaced, with no arguments of the image', async () => {
    await cli.ok([
      'commit',
      '-c',
      'CMD ["hello"]',
      '-c',
      'ENTRYPOINT ["echo"]',
      await cli.ok(['create', 'busybox:1', 'true']),
      'said:1',
    ]);
    const flags = ['--name', 'other', '-u', 'ada', '--entrypoint', 'id'];
    await cli.ok(['run', ...flags, 'said:1']);
    await cli.ok(['commit', 'other', 'other:1']);
    const other = (await inspect('other:1')).Config;
    expect([other['User'], other['Entrypoint'], other['Cmd']]).toEqual(['ada', ['id'], undefined]);
    expect(await cli.ok(['run', '--rm', 'other:1', '-un'])).toBe('ada');
    await cli.ok(['run', '--name', 'none', '--entrypoint', '', 'said:1', 'true']);
    await cli.ok(['commit', 'none', 'none:1']);
    const none = (await inspect('none:1')).Config;
    expect([none['Entrypoint'], none['Cmd']]).toEqual([undefined, ['true']]);
    await cli.ok(['run', '--name', 'kept', 'said:1']);
    await cli.ok(['commit', 'kept', 'kept:1']);
    const kept = (await inspect('kept:1')).Config;
    expect([kept['Entrypoint'], kept['Cmd'], kept['User'] ?? '']).toEqual([['echo'], ['hello'], '']);
    await cli.ok(['rm', 'other', 'none', 'kept']);
  });

  it('C-72 commit pauses a container that runs, and lets it go on', async () => {
    await cli.running('live', 'echo one >/one');
    for (const flags of [[], ['--pause=false']]) {
      await cli.ok(['commit', ...flags, 'live', 'live:1']);
      expect(await cli.ok(['run', '--rm', 'live:1', 'cat', '/one'])).toBe('one');
      expect(await inspect('live')).toMatchObject({ State: { Status: 'running', Paused: false } });
    }
  });

  it('C-72 commit of a container that changed nothing adds no layer', async () => {
    await cli.ended('same', 'true');
    await cli.ok(['commit', 'same', 'same:1']);
    expect((await inspect('same:1')).RootFS.Layers).toHaveLength(1);
  });

  it('C-73 export and cp write no archive to a terminal, and leave no half file', async () => {
    await cli.ended('quiet', 'true');
    for (const args of [
      ['export', 'quiet'],
      ['cp', 'quiet:/etc', '-'],
    ]) {
      const { output, code } = await onTerminal([tsbuildProgram, '--root', cli.root, ...args]);
      expect([output.replace(/\r?\n.*$/s, ''), code]).toEqual([
        'tsbuild: refusing to write an archive to a terminal [USAGE]',
        2,
      ]);
    }
    const { path } = tempFolder('export');
    const wrong = await cli.run(['export', '-o', `${path}/missing/file`, 'quiet']);
    expect(wrong.stderr).toContain('[IO_ERROR]');
    await cli.ok(['export', '-o', `${path}/file`, 'quiet']);
    expect(readdirSync(path)).toEqual(['file']);
  });

  it('C-73 export and import give the same files, without mount points, to the byte each time', async () => {
    await cli.ended(
      'exported',
      "mkdir /srv; echo x >/srv/a; ln /srv/a /srv/b; ln -s nowhere /srv/c; mkfifo /srv/d; chown 7:8 /srv/a; chmod 4755 /srv/a; touch /srv/$(printf '\\377'); rm /etc/group",
    );
    const first = await cli.run(['export', 'exported']);
    const second = await cli.run(['export', 'exported']);
    expect(first.status).toBe(0);
    expect(first.stdoutBytes.equals(second.stdoutBytes)).toBe(true);
    await cli.ok(['import', '-', 'again:1'], { input: first.stdoutBytes });
    const look = 'cd /srv; stat -c "%n %F %a %u %g %h" *; ls / | tr "\\n" " "';
    expect(await cli.ok(['run', '--rm', 'again:1', 'sh', '-c', look])).toBe(
      [
        'a regular file 4755 7 8 2',
        'b regular file 4755 7 8 2',
        'c symbolic link 777 0 0 1',
        'd fifo 644 0 0 1',
        '\ufffd regular empty file 644 0 0 1',
        'bin dev etc proc root srv sys tmp var ',
      ].join('\n'),
    );
    await cli.ok(['run', '--name', 'flat', 'again:1', 'true']);
    const flat = await cli.run(['export', 'flat']);
    expect(flat.stdoutBytes.equals(first.stdoutBytes)).toBe(true);
  });
});
