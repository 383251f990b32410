import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tsbuild, tsbuildProgram, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { runCommand, runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('bad input gets one clear error', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  let registry: Server;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
    registry = createServer((_, response) => response.writeHead(404).end());
    await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => registry.close());

  async function failedBuild(files: Record<string, string>): Promise<{ status: number; stderr: string }> {
    const { status, stdout, stderr } = await cli.run(['build', '-t', 'bad', makeContext(files)]);
    expect(stdout).toBe('');
    expect(stderr).not.toMatch(/\n {4}at /);
    expect((await cli.run(['inspect', 'bad'])).status).not.toBe(0);
    return { status, stderr };
  }

  it('L-010 L-012 for a mistyped instruction: its place, its line, the likely word', async () => {
    const { status, stderr } = await failedBuild({ Dockerfile: 'FROM busybox:1\nENV a=b\nRNU make\n' });
    expect(status).toBe(3);
    expect(stderr).toContain('Dockerfile:3');
    expect(stderr).toContain('RNU make');
    expect(stderr).toMatch(/did you mean.*RUN/i);
  });

  it('for a missing COPY source: its path and the instruction', async () => {
    const { status, stderr } = await failedBuild({
      Dockerfile: 'FROM busybox:1\nCOPY mian.c /src/\n',
      'main.c': '',
    });
    expect(status).toBe(4);
    expect(stderr).toContain('Dockerfile:2');
    expect(stderr).toContain('mian.c');
  });

  it('L-180 for a COPY source that .dockerignore leaves out: that it does', async () => {
    const files = { Dockerfile: 'FROM busybox:1\nCOPY main.c /\n', 'main.c': '', '.dockerignore': '*.c' };
    const { status, stderr } = await failedBuild(files);
    expect(status).toBe(4);
    expect(stderr).toMatch(/dockerignore/);
  });

  it('for a base that the registry does not have: its name and the FROM', async () => {
    const { port } = registry.address() as AddressInfo;
    const name = `127.0.0.1:${port}/no/such`;
    const { status, stderr } = await failedBuild({ Dockerfile: `# base\nFROM ${name}\n` });
    expect(status).toBe(1);
    expect(stderr).toContain('Dockerfile:2');
    expect(stderr).toContain(`${name}:latest`);
  });

  it('for a registry that does not answer: its address', async () => {
    const { status, stderr } = await failedBuild({ Dockerfile: 'FROM 127.0.0.1:1/none\n' });
    expect(status).toBe(6);
    expect(stderr).toContain('127.0.0.1:1');
  });

  it('L-123 for a failing RUN: the command, its status, its last lines, its lines of the Dockerfile', async () => {
    const lines = [
      'FROM busybox:1',
      'RUN echo working && \\',
      '    echo to standard error >&2 && \\',
      '    exit 42',
    ];
    const { status, stderr } = await failedBuild({ Dockerfile: `${lines.join('\n')}\n` });
    expect(status).toBe(5);
    const report = stderr.slice(stderr.indexOf('------'));
    expect(report).toContain('working');
    expect(report).toContain('to standard error');
    expect(report).toContain('Dockerfile:2');
    for (const line of lines.slice(1)) expect(report).toContain(line);
    expect(report).toMatch(/\b42\b/);
  });

  it('S-33 for a Dockerfile that is binary, empty, or a folder', async () => {
    const noise = Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 73) % 256)).toString(
      'latin1',
    );
    for (const content of [noise, '', '# only a comment\n']) {
      expect((await failedBuild({ Dockerfile: content })).status).toBe(3);
    }
    const { status } = await cli.run(['build', makeContext({ 'Dockerfile/x': '' })]);
    expect([3, 7]).toContain(status);
  });

  it('for a context that does not exist', async () => {
    const { status, stderr } = await cli.run(['build', '/no/such/folder']);
    expect(status).toBe(4);
    expect(stderr).toContain('/no/such/folder');
  });

  it('C-31 for a wrong command line: exit status 2 and the flag', async () => {
    const { status, stderr } = await cli.run(['build', '--no-cash', '.']);
    expect(status).toBe(2);
    expect(stderr).toContain('--no-cash');
  });

  it('for an archive that is cut off, or is none: nothing of it is kept', async () => {
    const { path } = tempFolder('archive');
    const whole = join(path, 'whole.tar');
    await cli.ok(['save', '-o', whole, 'busybox:1']);
    const bytes = readFileSync(whole);
    for (const [name, content] of [
      ['cut.tar', bytes.subarray(0, bytes.length / 2)],
      ['noise.tar', Buffer.alloc(20_000, 'not a tar ')],
      ['empty.tar', Buffer.alloc(0)],
    ] as const) {
      writeFileSync(join(path, name), content);
      const empty = tsbuild();
      const { status, stderr } = await empty.run(['load', '-i', join(path, name)]);
      expect(status, name).toBe(1);
      expect(stderr, name).toContain('ARCHIVE_INVALID');
      expect(JSON.parse((await empty.ok(['images', '--format', 'json'])) || '[]')).toEqual([]);
    }
  });

  it('for a store that may not be written', async () => {
    const { path } = tempFolder('forbidden');
    mkdirSync(join(path, 'closed'), { mode: 0o555 });
    const root = join(path, 'closed', 'root');
    // Root without the right to pass over permission bits.
    const bounded = ['setpriv', '--bounding-set=-dac_override,-dac_read_search,-fowner,-chown'];
    const context = makeContext({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' });
    const { status, stderr } = await runCommand([
      ...bounded,
      tsbuildProgram,
      '--root',
      root,
      'build',
      context,
    ]);
    expect(status, stderr).toBe(7);
    expect(stderr).toContain(root);
    expect(stderr).toContain('PERMISSION_DENIED');
  });

  it('S-72 for a full disk: what was there before still works', async () => {
    const { path } = tempFolder('full');
    await runOk(['mount', '-t', 'tmpfs', '-o', 'size=24m', 'tsbuild-test', path]);
    try {
      const small = await tsbuildWithBusybox(path);
      const context = makeContext({
        Dockerfile: 'FROM busybox:1\nCOPY big /\n',
        big: Buffer.alloc(40_000_000, 'x'),
      });
      const { status, stderr } = await small.run(['build', '-t', 'big', context]);
      expect(status, stderr).toBe(7);
      expect(stderr).toContain('DISK_FULL');
      expect(stderr).toMatch(/hint: .*(space|disk)/);
      await small.ok([
        'build',
        '-t',
        'fits',
        makeContext({ Dockerfile: 'FROM busybox:1\nRUN echo fits > /x\n' }),
      ]);
      expect(await small.ok(['run', '--rm', 'fits', 'cat', '/x'])).toBe('fits');
    } finally {
      await runOk(['umount', '-l', path]);
    }
  });
});
