import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import type { Tsbuild } from '../support/cli.ts';
import { runCli } from '../support/run-cli.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('what run passes on', () => {
  const { cli, sh } = runCli();

  it('C-71 -v mounts folders and files, for reading or for both', async () => {
    const { path } = tempFolder('volumes');
    mkdirSync(join(path, 'folder'));
    writeFileSync(join(path, 'file'), 'a file\n');
    symlinkSync('file', join(path, 'link'));
    const script = [
      'echo new > /rw/written',
      'cat /etc/motd /new/place/file',
      'echo x 2>/dev/null > /ro/written || echo folder is read-only',
      'echo x 2>/dev/null > /etc/motd || echo file is read-only',
      'echo through > /link',
    ].join('; ');
    const volumes = [
      'folder:/rw',
      'folder:/ro:ro',
      'file:/etc/motd:ro',
      'file:/new/place/file',
      'link:/link',
    ];
    const flags = volumes.flatMap((volume) => ['-v', `${path}/${volume}`]);
    expect(await sh(script, ...flags)).toEqual([
      ...['a file', 'a file', 'folder is read-only', 'file is read-only'],
    ]);
    expect(readFileSync(join(path, 'folder/written'), 'utf8')).toBe('new\n');
    expect(readFileSync(join(path, 'file'), 'utf8')).toBe('through\n');
  });

  it('C-71 -v makes a source that is missing, relative to here, but not for a run that fails', async () => {
    const { path } = tempFolder('volumes');
    const run = (...argv: readonly string[]): ReturnType<Tsbuild['run']> =>
      cli.run(['run', '--rm', '-v', './made/deep:/x', ...argv], { cwd: path });
    expect(await run('0123456789ab')).toMatchObject({ status: 125 });
    expect(existsSync(join(path, 'made'))).toBe(false);
    expect(await run('busybox:1', 'touch', '/x/y')).toMatchObject({ status: 0 });
    expect(existsSync(join(path, 'made/deep/y'))).toBe(true);
    writeFileSync(join(path, 'file'), '');
    const below = await cli.run(['run', '--rm', '-v', `${path}/file/x:/x`, 'busybox:1', 'true']);
    expect(below).toMatchObject({ status: 125 });
    expect(below.stderr).toMatch(/cannot make the folder .*\[USAGE\]/);
  });

  it('C-71 refuses -v of what is not supported', async () => {
    for (const volume of ['/a:/b:sync', '/a:/', '/a:b', ':/x']) {
      const { status, stderr } = await cli.run(['run', '--rm', '-v', volume, 'busybox:1', 'true']);
      expect(status).toBe(125);
      expect(stderr).toMatch(/^tsbuild: -v: .*\[USAGE\]\n {2}hint: /);
    }
  });

  it('C-71 --read-only leaves the root as it is, and /dev, /proc and mounts as they were', async () => {
    const { path } = tempFolder('writable');
    const script =
      'touch /x 2>/dev/null || echo no; echo ok > /dev/shm/x && cat /dev/shm/x; touch /v/x && echo mount';
    expect(await sh(script, '--read-only', '-v', `${path}:/v`)).toEqual(['no', 'ok', 'mount']);
  });

  it('C-71 -i passes standard input on to its end; without it there is none', async () => {
    const input = 'one\ntwo\n';
    const count = ['busybox:1', 'wc', '-l'];
    expect((await cli.run(['run', '--rm', '-i', ...count], { input })).stdout.trim()).toBe('2');
    expect((await cli.run(['run', '--rm', ...count], { input })).stdout.trim()).toBe('0');
  });

  it('C-71 -i -t needs a terminal here, and -d -t has one of its own', async () => {
    const missing = await cli.run(['run', '--rm', '-it', 'busybox:1', 'true']);
    expect(missing).toMatchObject({ status: 125 });
    expect(missing.stderr).toContain('the input device is not a TTY [USAGE]');
    const id = await cli.ok(['run', '-dit', 'busybox:1', 'sh', '-c', 'tty; exec sleep 1000']);
    await expect.poll(() => cli.ok(['logs', id])).toMatch(/^\/dev\/pts\//);
    const [{ Config }] = JSON.parse(await cli.ok(['inspect', id])) as [{ Config: unknown }];
    expect(Config).toMatchObject({ Tty: true, OpenStdin: true });
    await cli.ok(['rm', '-f', id]);
  });

  it('C-71 -a shows only the streams that it names', async () => {
    const both = ['busybox:1', 'sh', '-c', 'echo out; echo err >&2; cat'];
    const run = (...flags: readonly string[]): ReturnType<Tsbuild['run']> =>
      cli.run(['run', '--rm', ...flags, ...both], { input: 'in\n' });
    expect(await run('-a', 'stdout')).toMatchObject({ status: 0, stdout: 'out\n', stderr: '' });
    expect(await run('-a', 'STDERR')).toMatchObject({ stdout: '', stderr: 'err\n' });
    expect(await run('-a', 'stdin', '-a', 'stdout')).toMatchObject({ stdout: 'out\nin\n', stderr: '' });
    expect(await run('-a', 'stdin')).toMatchObject({ stdout: 'out\nin\n', stderr: 'err\n' });
    expect((await run('-a', 'stdfoo')).stderr).toContain('expected stdin, stdout or stderr');
    expect((await run('-d', '-a', 'stdout')).stderr).toContain('-d cannot be combined with -a [USAGE]');
  });

  it('R-33 C-71 passes signals on, each under its own name', async () => {
    const names = ['INT', 'TERM', 'HUP', 'QUIT', 'USR1', 'USR2'];
    const traps = names.map((name) => `trap "echo got ${name}" ${name}`).join('; ');
    const script = `${traps}; echo ready; while test ! -e /done; do sleep 0.05; done; echo end`;
    const { path } = tempFolder('signals');
    const child = cli.start([
      'run',
      '--rm',
      '-v',
      `${path}:/s`,
      'busybox:1',
      'sh',
      '-c',
      script.replace('/done', '/s/done'),
    ]);
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await expect.poll(() => output).toBe('ready\n');
    let wanted = 'ready\n';
    for (const name of names) {
      child.kill(`SIG${name}` as NodeJS.Signals);
      wanted += `got ${name}\n`;
      await expect.poll(() => output).toBe(wanted);
    }
    writeFileSync(join(path, 'done'), '');
    // Its output may end after it.
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(output).toBe(`${wanted}end\n`);
  });

  it('C-71 a program that ignores Ctrl-C is killed by the third', async () => {
    const child = cli.start([
      'run',
      '--rm',
      'busybox:1',
      'sh',
      '-c',
      'trap "echo no" INT; echo ready; while :; do sleep 0.05; done',
    ]);
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    for (const wanted of ['ready\n', 'ready\nno\n', 'ready\nno\nno\n']) {
      await expect.poll(() => output).toBe(wanted);
      child.kill('SIGINT');
    }
    expect(await once(child, 'exit')).toEqual([137, null]);
  });
});
