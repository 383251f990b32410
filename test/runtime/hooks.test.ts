import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { matchHooks, readHookFolders } from '../../src/runtime/index.ts';
import { busyboxHost, runBusybox } from '../support/busybox-container.ts';
import { hookFolder, shellHook, tellingHooks } from '../support/hook-files.ts';
import { requires } from '../support/requires.ts';

const someone = { args: ['/bin/sh'], hasBindMounts: false };

describe('which hooks a container has', () => {
  const rows: readonly (readonly [when: object, holds: boolean])[] = [
    [{ always: true }, true],
    [{ always: false }, false],
    [{ always: false, commands: ['sh'] }, false],
    [{ commands: ['sh$'] }, true],
    [{ commands: ['^sh', 'bash'] }, false],
    [{ commands: [] }, false],
    [{ hasBindMounts: true }, true],
    [{ hasBindMounts: false }, false],
    [{ annotations: { '^gpu\\.': '^(one|two)$' } }, true],
    [{ annotations: { '^gpu\\.': '^three$' } }, false],
    [{ annotations: { gpu: 'one', other: '.' } }, false],
    [{ annotations: { gpu: 'one' }, commands: ['nothing'] }, false],
    [{}, false],
  ];

  it.each(rows)('R-03 when %j: %s', async (when, holds) => {
    const folder = hookFolder({ 'a.json': { ...shellHook('true', ['prestart']), when } });
    const subject = {
      args: ['/bin/sh'],
      hasBindMounts: true,
      annotations: { 'gpu.count': 'two', 'gpu.x': 'one' },
    };
    expect(Object.keys(matchHooks(await readHookFolders([folder]), subject))).toEqual(
      holds ? ['prestart'] : [],
    );
  });

  it('R-03 files are read by name, a later folder’s in the place of an earlier one’s, and no others', async () => {
    const first = hookFolder({
      'b.json': shellHook('b', ['poststop', 'prestart']),
      'a.json': shellHook('a', ['prestart']),
      'notes.txt': 'no hook',
    });
    const second = hookFolder({
      'b.json': shellHook('new', ['prestart']),
      'c.json': shellHook('c', ['prestart']),
    });
    const hooks = matchHooks(await readHookFolders([first, second]), someone);
    expect(hooks.prestart?.map(({ args }) => args?.[2])).toEqual(['a', 'new', 'c']);
    expect(hooks.poststop).toBeUndefined();
  });

  const sound = shellHook('true', ['prestart']) as { readonly hook: object };
  it.each([
    ['no JSON', '{', /JSON/],
    ['an older version', { ...sound, version: '0.1.0' }, /version: only 1\.0\.0 is known/],
    ['a relative path', { ...sound, hook: { path: 'hook' } }, /hook\.path: not an absolute path/],
    ['a condition of another version', { ...sound, when: { always: true, cmds: ['x'] } }, /cmds/],
    ['a stage that changes the configuration', { ...sound, stages: ['precreate'] }, /stages/],
    ['no stage', { ...sound, stages: [] }, /no stage/],
    ['a broken pattern', { ...sound, when: { commands: ['('] } }, /not a regular expression/],
    ['no time at all', { ...sound, hook: { ...sound.hook, timeout: 0 } }, /timeout/],
  ])('R-03 %s is refused with the name of the file', async (_, content, why) => {
    const folder = hookFolder({ 'bad.json': content });
    const reading = readHookFolders([folder]);
    await expect(reading).rejects.toMatchObject({ code: 'USAGE' });
    await expect(reading).rejects.toThrow(join(folder, 'bad.json'));
    await expect(reading).rejects.toThrow(why);
  });

  it('R-03 a folder that is not there is an error', async () => {
    await expect(readHookFolders(['/nowhere/hooks'])).rejects.toMatchObject({ code: 'USAGE' });
  });
});

describe('hooks on the way of a container', () => {
  requires('root', 'overlay', 'tool:busybox');

  it('R-03 run in the order of the spec, each where it belongs, with the state and its own environment', async () => {
    const host = busyboxHost();
    const log = join(host.folder, 'log');
    const bundle = join(host.folder, 'bundle');
    const folder = hookFolder({
      ...tellingHooks(log),
      'z.json': shellHook(`pwd > ${bundle}; cat config.json >> ${bundle}`, ['createRuntime']),
    });
    const hooks = matchHooks(await readHookFolders([folder]), someone);
    const annotations = { note: 'x.y' };
    const { stdout, warnings } = await runBusybox(host, 'cat /hook.log', { hooks, annotations });
    // Its own first process is 1 in the container.
    expect(stdout).toBe('startContainer created 1 1 1\n');
    expect(readFileSync(log, 'utf8').trim().split('\n')).toEqual([
      'prestart creating some 1 1',
      'createRuntime creating some 1 1',
      'createContainer creating 1 1 1',
      'poststart running some 1 1',
      'poststop stopped none 1 1',
    ]);
    expect(warnings).toEqual([]);
    const [path = '', ...config] = readFileSync(bundle, 'utf8').split('\n');
    expect(JSON.parse(config.join('\n'))).toMatchObject({ annotations });
    // Its variables may be secrets: never on a disk.
    expect(path).toMatch(/^\/dev\/shm\//);
    expect(existsSync(path)).toBe(false);
  });

  it.each(['prestart', 'createRuntime', 'createContainer', 'startContainer'])(
    'R-03 a %s hook that fails ends the container before its program, with what it said; poststop still runs',
    async (stage) => {
      const host = busyboxHost();
      const [ran, cleaned] = [join(host.folder, 'ran'), join(host.folder, 'cleaned')];
      const folder = hookFolder({
        'a.json': shellHook('echo first; echo no device >&2; exit 3', [stage]),
        'b.json': shellHook(`touch ${ran}`, [stage]),
        'c.json': shellHook(`touch ${cleaned}`, ['poststop']),
      });
      const hooks = matchHooks(await readHookFolders([folder]), someone);
      const running = runBusybox(host, 'touch /ran', { hooks });
      await expect(running).rejects.toMatchObject({ code: 'RUNTIME_SETUP' });
      await expect(running).rejects.toThrow(/^the \w+ hook \/bin\/sh ended with 3: first\s+no device$/);
      await expect(running).rejects.toThrow(stage);
      expect([existsSync(ran), existsSync(join(host.layers.upper, 'ran')), existsSync(cleaned)]).toEqual([
        false,
        false,
        true,
      ]);
    },
  );

  it.each(['createRuntime', 'createContainer'])('R-03 a %s hook is killed at its timeout', async (stage) => {
    const folder = hookFolder({ 'a.json': shellHook('exec sleep 1000', [stage], { timeout: 1 }) });
    const hooks = matchHooks(await readHookFolders([folder]), someone);
    await expect(runBusybox(busyboxHost(), 'true', { hooks })).rejects.toThrow(
      /killed at its timeout of 1 s/,
    );
  });

  it('R-03 what fails after the start changes nothing and is told', async () => {
    const folder = hookFolder({ 'a.json': shellHook('echo late; exit 4', ['poststart', 'poststop']) });
    const hooks = matchHooks(await readHookFolders([folder]), someone);
    const { code, warnings } = await runBusybox(busyboxHost(), 'exit 7', { hooks });
    expect(code).toBe(7);
    expect(warnings).toEqual([
      'the poststart hook /bin/sh ended with 4: late',
      'the poststop hook /bin/sh ended with 4: late',
    ]);
  });

  it('R-03 a hook that never reads its state, or prints without end, holds nobody up', async () => {
    const folder = hookFolder({
      'a.json': shellHook('yes | head -c 300000', ['createRuntime', 'createContainer']),
    });
    const hooks = matchHooks(await readHookFolders([folder]), someone);
    const annotations = { large: 'x'.repeat(200_000) };
    expect((await runBusybox(busyboxHost(), 'echo ran', { hooks, annotations })).stdout).toBe('ran\n');
  });

  it('R-03 a state that nobody reads ends no program, in whatever pid namespace', async () => {
    const folder = hookFolder({ 'a.json': shellHook('true', ['createContainer', 'startContainer']) });
    const hooks = matchHooks(await readHookFolders([folder]), someone);
    const annotations = { large: 'x'.repeat(200_000) };
    const { code, stdout } = await runBusybox(busyboxHost(), 'echo ran', {
      ...{ hooks, annotations, sharedNamespaces: ['pid'] },
    });
    expect([code, stdout]).toEqual([0, 'ran\n']);
  });

  it('R-03 what a hook leaves running holds nobody up, though it has its output', async () => {
    const host = busyboxHost();
    const left = join(host.folder, 'left');
    const line = `sleep 1000 & echo $! > ${left}; echo told; exit 3`;
    const hooks = matchHooks(
      await readHookFolders([hookFolder({ 'a.json': shellHook(line, ['poststop']) })]),
      someone,
    );
    const { warnings } = await runBusybox(host, 'true', { hooks });
    process.kill(Number(readFileSync(left, 'utf8')), 'SIGKILL');
    expect(warnings).toEqual(['the poststop hook /bin/sh ended with 3: told']);
  });

  it('R-03 a hook that cannot even be tried is told of like one that fails', async () => {
    const hook = { path: '/etc/passwd/hook', args: ['hook'] };
    const { code, warnings } = await runBusybox(busyboxHost(), 'exit 7', {
      hooks: { poststart: [hook], poststop: [hook] },
    });
    expect(code).toBe(7);
    expect(warnings).toEqual([
      expect.stringContaining('the poststart hook /etc/passwd/hook failed: '),
      expect.stringContaining('the poststop hook /etc/passwd/hook failed: '),
    ]);
  });
});
