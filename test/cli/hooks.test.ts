import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { hookFolder, shellHook, tellingHooks } from '../support/hook-files.ts';
import { until } from '../support/holdings.ts';
import { requires } from '../support/requires.ts';
import { runCommand } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('run --hooks-dir', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;

  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  it('R-03 O-42 runc runs the hooks of the bundle in the same order, with the same state', async () => {
    requires('tool:runc');
    const folder = tempFolder('hooks').path;
    const [log, bundle] = [join(folder, 'log'), join(folder, 'bundle')];
    const hooks = ['--hooks-dir', hookFolder(tellingHooks(log)), '--annotation', 'note=x.y'];
    const rest = ['--network', 'none', ...hooks, 'busybox:1', 'sh', '-c', 'cat /hook.log; exit 7'];
    const ours = await cli.run(['run', '--rm', ...rest]);
    const told = readFileSync(log, 'utf8');
    rmSync(log);
    await cli.ok(['run', '--print-bundle', bundle, ...rest]);
    const id = `tsbuild-hooks-${process.pid}`;
    const theirs = await runCommand(['runc', '--root', join(folder, 'state'), 'run', '-b', bundle, id]);
    expect([ours.status, ours.stdout]).toEqual([theirs.status, theirs.stdout]);
    // runc 1.1 has the status of before the start still.
    expect(readFileSync(log, 'utf8').replace('poststart created', 'poststart running')).toBe(told);
  });

  it('R-03 a container that its hook keeps from starting leaves nothing behind', async () => {
    const refusing = hookFolder({ 'a.json': shellHook('echo not today; exit 3', ['createRuntime']) });
    const refused = await cli.run(['run', '--name', 'refused', '--hooks-dir', refusing, 'busybox:1', 'true']);
    expect(refused.status).toBe(125);
    expect(refused.stderr).toContain(
      'the createRuntime hook /bin/sh ended with 3: not today [RUNTIME_SETUP]',
    );
    expect(await cli.ok(['ps', '-aq', '--filter', 'name=refused'])).toBe('');
  });

  it('R-03 a container has ended for others when its last hook has', async () => {
    const seen = join(tempFolder('hooks').path, 'seen');
    const line = `cat ${cli.root}/containers/*/state.json > ${seen}`;
    const looking = hookFolder({ 'a.json': shellHook(line, ['poststop']) });
    await cli.ok([
      'run',
      '--name',
      'ended',
      '--network',
      'none',
      '--hooks-dir',
      looking,
      'busybox:1',
      'true',
    ]);
    expect(JSON.parse(readFileSync(seen, 'utf8'))).toMatchObject({ status: 'running' });
    await cli.ok(['rm', 'ended']);
  });

  it('R-03 a hook that takes its time is ended with the command, and nothing is left', async () => {
    const began = join(tempFolder('hooks').path, 'began');
    const waiting = hookFolder({
      'a.json': shellHook(`echo $$ > ${began}; exec sleep 1000`, ['createRuntime']),
    });
    const rest = ['--network', 'none', '--hooks-dir', waiting, 'busybox:1', 'true'];
    const child = cli.start(['run', '--name', 'waiting', ...rest]);
    const ended = once(child, 'exit');
    await until(() => existsSync(began) && readFileSync(began, 'utf8').endsWith('\n'));
    child.kill('SIGTERM');
    expect(await ended).toEqual([130, null]);
    const hook = readFileSync(began, 'utf8').trim();
    await until(() => !existsSync(`/proc/${hook}/cwd`));
    expect(await cli.ok(['ps', '-aq', '--filter', 'name=waiting'])).toBe('');
  });
});
