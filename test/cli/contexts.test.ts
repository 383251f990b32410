import { beforeAll, describe, expect, it } from 'vitest';

import { tsbuild, tsbuildProgram, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { serveFiles } from '../support/http-server.ts';
import { makeTar } from '../support/make-tar.ts';
import { onTerminal } from '../support/on-terminal.ts';
import { requires } from '../support/requires.ts';
import { runCommand, runOk } from '../support/run-command.ts';

describe('contexts of the command line', () => {
  requires('root', 'overlay');
  const copyAll = 'FROM scratch\nCOPY . /\n';
  const folder = makeContext({ Dockerfile: copyAll, file: 'hello' });
  let cli: Tsbuild;
  beforeAll(() => {
    cli = tsbuild();
  });

  it('C-01 L-220 a pipe of tar, compressed', async () => {
    const program = `tar -C ${folder} -czf - . | ${tsbuildProgram} --root ${cli.root} build -q -`;
    const piped = await runOk(['sh', '-c', program]);
    expect(piped).toMatch(/^sha256:/);
    // The same files of the folder itself are the same image.
    expect(await cli.ok(['build', '-q', folder])).toBe(piped);
  });

  it('C-01 L-179 a Dockerfile on standard input, which has no context', async () => {
    const { status, stderr } = await cli.run(['build', '-'], { input: 'FROM scratch\nCOPY file /\n' });
    expect(status).toBe(4);
    expect(stderr).toContain('stdin:2');
    expect(stderr).toContain('there is no build context');
  });

  it('C-01 C-02 a URL, for the context and for the Dockerfile', async () => {
    const tar = makeTar([{ path: 'Dockerfile', body: copyAll }]);
    await using server = await serveFiles({
      '/x.tar': tar,
      '/Dockerfile': 'FROM scratch\nCOPY Dockerfile /x\n',
    });
    const args = ['build', '-q', `${server.origin}/x.tar`];
    const first = await cli.ok(args);
    expect(await cli.ok([...args, '-f', `${server.origin}/Dockerfile`])).not.toBe(first);
  });

  it('C-01 C-02 on a terminal nothing is waited for', async () => {
    const { output, code } = await onTerminal([tsbuildProgram, '--root', cli.root, 'build', '-']);
    expect(code).toBe(2);
    expect(output).toContain('standard input, which is a terminal');
  });

  it('C-01 a closed standard input is an empty one', async () => {
    const program = `exec ${tsbuildProgram} --root ${cli.root} build - <&-`;
    const { status, stderr } = await runCommand(['sh', '-c', program]);
    expect(status).toBe(4);
    expect(stderr).toContain('is empty');
  });

  it('C-01 is exactly one', async () => {
    expect((await cli.run(['build'])).status).toBe(2);
    expect((await cli.run(['build', folder, folder])).status).toBe(2);
  });

  it('C-17 --build-context, and what it cannot be', async () => {
    const context = makeContext({ Dockerfile: 'FROM scratch\nCOPY --from=other file /\n' });
    expect(await cli.ok(['build', '-q', '--build-context', `other=${folder}`, context])).toMatch(/^sha256:/);
    const wrong = await cli.run(['build', '--build-context', 'other', context]);
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toContain('NAME=VALUE');
  });

  it('C-42 --ignorefile', async () => {
    const ignore = makeContext({ ignored: 'file\n' });
    const context = makeContext({ Dockerfile: 'FROM scratch\nCOPY file /\n', file: '' });
    const { status, stderr } = await cli.run(['build', '--ignorefile', `${ignore}/ignored`, context]);
    expect(status).toBe(4);
    expect(stderr).toContain('excluded by ignored');
  });

  it('L-263 answers questions about a Dockerfile on standard input', async () => {
    const { status, stdout } = await cli.run(['build', '--call=targets', '-'], {
      input: 'FROM scratch AS one\n',
    });
    expect(status).toBe(0);
    expect(stdout).toContain('one');
  });

  it('L-263 and about one in an archive', async () => {
    const input = makeTar([{ path: 'Dockerfile', body: 'FROM scratch AS two\n' }]);
    const { status, stdout } = await cli.run(['build', '--call=targets', '-'], { input });
    expect(status).toBe(0);
    expect(stdout).toContain('two');
  });
});
