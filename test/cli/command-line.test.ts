import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { commandBuilders, commandGroups } from '../../src/cli/commands/index.ts';
import { version } from '../../src/sys/index.ts';
import { tsbuild, tsbuildProgram } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { runCommand, type CommandResult } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
  return runCommand([tsbuildProgram, ...args], { env: { ...process.env, TSBUILD_ROOT: undefined, ...env } });
}

describe('the command line', () => {
  it('C-27 --help of the program lists every command with what it does', async () => {
    const { status, stdout, stderr } = await run(['--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const name of Object.keys(commandBuilders))
      expect(stdout).toMatch(new RegExp(`^  ${name} +[A-Z]`, 'm'));
    expect(commandGroups.flatMap(([, names]) => names).sort()).toEqual(Object.keys(commandBuilders).sort());
    expect(await run([])).toMatchObject({ status: 0, stdout });
    expect(await run(['help'])).toMatchObject({ status: 0, stdout });
  });

  it.each(Object.keys(commandBuilders))('C-27 --help of %s fits the terminal and ends well', async (name) => {
    const { status, stdout, stderr } = await run([name, '--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`Usage: tsbuild ${name}`);
    expect(stdout).toMatch(/--root <dir> +folder of the store/);
    expect(stdout.split('\n').filter((line) => line.length > 100)).toEqual([]);
  });

  it.each(['build', 'run'])('C-27 --help of %s ends with examples', async (name) => {
    const { stdout } = await run(['help', name]);
    expect(stdout.slice(stdout.indexOf('Examples:')).match(/^ {2}tsbuild /gm)?.length).toBeGreaterThan(3);
  });

  it('C-31 output on a full disk is an error that says so, without a stack', async () => {
    const { status, stderr } = await runCommand(['sh', '-c', '"$0" version >/dev/full', tsbuildProgram]);
    expect(status).toBe(7);
    expect(stderr).toMatch(
      /^tsbuild: the output cannot be written: no space left on the device \[DISK_FULL\]$/m,
    );
    expect(stderr).not.toMatch(/^ +at /m);
  });

  it('C-27 --version and version print the version', async () => {
    for (const flag of ['--version', '-v']) expect((await run([flag])).stdout).toBe(`${version()}\n`);
    const { stdout } = await run(['version']);
    expect(stdout.split('\n')[1]).toMatch(new RegExp(`^tsbuild +${version()}$`));
    const json = JSON.parse((await run(['version', '--format', 'json'])).stdout) as Record<string, string>;
    expect(json).toMatchObject({ tsbuild: version(), machine: expect.any(String) as string });
  });

  it.each([
    [['imges'], 2, 'unknown command: imges', 'did you mean images?'],
    [['zzzzzz'], 2, 'unknown command: zzzzzz', 'tsbuild --help lists the commands'],
    [['toString'], 2, 'unknown command: toString', 'tsbuild --help lists the commands'],
    [['build', '--no-cash', '.'], 2, "unknown option '--no-cash'", 'did you mean --no-cache?'],
    [['build', '--lable=a=b', '.'], 2, "unknown option '--lable=a=b'", 'did you mean --label?'],
    // C-58
    [['build', '--runtime=crun', '.'], 2, "unknown option '--runtime=crun'", 'by tsbuild itself'],
    [['build', '--stdin', '.'], 2, "unknown option '--stdin'", 'RUN --mount=type=secret'],
    [['build', '-z', '.'], 2, "unknown option '-z'", 'tsbuild build --help lists the options'],
    [['build'], 2, "missing required argument 'context'", 'usage: tsbuild build [options] <context>'],
    [['build', '.', 'x'], 2, 'too many arguments', 'usage: tsbuild build'],
    [['build', '-t'], 2, 'argument missing', 'tsbuild build --help'],
    [['build', '--network', 'bridge', '.'], 2, 'Allowed choices are default, host, none', ''],
    [['images', '--format', 'yaml'], 2, 'Allowed choices are table, json', ''],
    [['tag', 'a'], 2, "missing required argument 'name'", 'usage: tsbuild tag'],
    [['stop'], 2, "missing required argument 'container'", 'usage: tsbuild stop'],
    [['run', '--foo', 'x'], 125, "unknown option '--foo'", 'tsbuild run --help'],
    [['run', '--evn', 'A=b', 'x'], 125, "unknown option '--evn'", 'did you mean --env?'],
    [['run'], 125, "missing required argument 'image'", 'usage: tsbuild run'],
    [['run', '--network', 'brigde', 'x'], 125, '--network: invalid value "brigde"', 'expected bridge, host'],
  ] as const)('C-31 tsbuild %j ends with %i: %s', async (argv, status, message, hint) => {
    const result = await run(argv, { TSBUILD_ROOT: tempFolder('root').path });
    expect(result).toMatchObject({ status, stdout: '' });
    expect(result.stderr).toMatch(/^tsbuild: .*\[USAGE\]\n {2}hint: /);
    expect(result.stderr).toContain(message);
    expect(result.stderr).toContain(hint);
  });

  it('C-27 --root counts before and after the command, above TSBUILD_ROOT', async () => {
    const folder = tempFolder('roots').path;
    const [flag, env] = [join(folder, 'flag'), join(folder, 'env')];
    for (const argv of [
      ['--root', flag, 'images'],
      [`--root=${flag}`, 'images'],
      ['images', '--root', flag],
    ]) {
      expect(await run(argv, { TSBUILD_ROOT: env })).toMatchObject({ status: 0, stderr: '' });
      expect([existsSync(flag), existsSync(env)]).toEqual([true, false]);
    }
    expect(await run(['images'], { TSBUILD_ROOT: env })).toMatchObject({ status: 0 });
    expect(existsSync(env)).toBe(true);
  });

  it('C-27 --root may be relative, and is /var/lib/tsbuild for root unless told', async () => {
    const { path } = tempFolder('relative');
    await runCommand([tsbuildProgram, '--root', 'store', 'images'], { cwd: path });
    expect(existsSync(join(path, 'store'))).toBe(true);
    const { storeRoot } = await import('../../src/cli/root.ts');
    const { makeCommand } = await import('../../src/cli/command.ts');
    const saved = process.env['TSBUILD_ROOT'];
    delete process.env['TSBUILD_ROOT'];
    try {
      const home = process.env['XDG_DATA_HOME'] ?? join(process.env['HOME'] ?? '', '.local/share');
      const wanted = process.getuid?.() === 0 ? '/var/lib/tsbuild' : join(home, 'tsbuild');
      expect(storeRoot(makeCommand('x', 'y'))).toBe(wanted);
    } finally {
      if (saved !== undefined) process.env['TSBUILD_ROOT'] = saved;
    }
  });

  it('C-01 builds without the word build', async () => {
    const cli = tsbuild();
    const context = makeContext({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' });
    await cli.ok(['-t', 'short', context]);
    expect(await cli.ok(['-q', '.'], { cwd: context })).toBe(await cli.ok(['images', '-q', '--no-trunc']));
    const parent = join(context, 'sub');
    mkdirSync(parent);
    expect((await cli.run(['-t', 'above', '..'], { cwd: parent })).status).toBe(0);
  });

  it('says what it cannot do with a store that is none, without a stack', async () => {
    const context = makeContext({ file: 'x' });
    const { status, stderr } = await run(['--root', join(context, 'file'), 'images']);
    expect(status).toBe(7);
    expect(stderr).toMatch(/^tsbuild: .*\[IO_ERROR\]/);
    expect(stderr).not.toMatch(/\n {4}at /);
  });

  it('is no defect when nobody reads on', async () => {
    const { stdout } = await runCommand([
      ...['bash', '-c', `"$0" --root "$1" build --help | head -1; echo $\{PIPESTATUS[0]}`],
      ...[tsbuildProgram, tempFolder('root').path],
    ]);
    expect(stdout).toMatch(/^Usage: tsbuild build.*\n(0|141)\n$/);
  });
});
