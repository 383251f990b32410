import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';

interface State {
  readonly pid?: number;
  readonly bundle: string;
}

describe('what the runtime spec asks of a command line', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  it('R-01 state: creating, running, paused, stopped, with the process and a bundle', async () => {
    const id = await cli.ok([
      'create',
      '--name',
      'stated',
      '--annotation',
      'a=b',
      'busybox:1',
      'sleep',
      '1000',
    ]);
    const state = async (): Promise<State> => JSON.parse(await cli.ok(['state', 'stated'])) as State;
    expect(await state()).toEqual({
      ociVersion: '1.2.0',
      id,
      status: 'creating',
      bundle: expect.stringContaining(id) as string,
      annotations: expect.objectContaining({ a: 'b' }) as object,
    });
    await cli.ok(['start', 'stated']);
    const running = await state();
    expect(running).toMatchObject({ status: 'running', pid: expect.any(Number) as number });
    expect(readFileSync(`/proc/${running.pid ?? 0}/cmdline`, 'latin1')).toBe('sleep\x001000\0');
    await cli.ok(['pause', 'stated']);
    expect(await state()).toMatchObject({ status: 'paused', pid: running.pid });
    await cli.ok(['unpause', 'stated']);
    await cli.ok(['kill', 'stated']);
    await cli.ok(['wait', 'stated']);
    const stopped = await state();
    expect(stopped).toMatchObject({ status: 'stopped' });
    expect(stopped.pid).toBeUndefined();
    const config: unknown = JSON.parse(readFileSync(join(stopped.bundle, 'config.json'), 'utf8'));
    expect(config).toMatchObject({ process: { args: ['sleep', '1000'] } });
    await cli.ok(['rm', 'stated']);
    expect((await cli.run(['state', 'stated'])).stderr).toContain('[CONTAINER_NOT_FOUND]');
  });

  it('R-06 features: what runc has of these words', async () => {
    requires('tool:runc');
    const ours = JSON.parse(await cli.ok(['features'])) as Features;
    const theirs = JSON.parse(await runOk(['runc', 'features'])) as Features;
    expect(Object.keys(theirs).filter((key) => !(key in ours) && key !== 'annotations')).toEqual([]);
    expect(ours.hooks).toEqual(theirs.hooks);
    expect(ours.mountOptions).toEqual(expect.arrayContaining(['rro', 'rslave', 'bind', 'nosymfollow']));
    expect(theirs.linux.namespaces.filter((name) => !ours.linux.namespaces.includes(name))).toEqual([]);
    expect(theirs.linux.capabilities.filter((name) => !ours.linux.capabilities.includes(name))).toEqual([]);
    expect(theirs.linux.seccomp.operators.toSorted()).toEqual(ours.linux.seccomp.operators.toSorted());
    // A listener would have to answer it.
    const missing = theirs.linux.seccomp.actions.filter((name) => !ours.linux.seccomp.actions.includes(name));
    expect(missing).toEqual(['SCMP_ACT_NOTIFY']);
  });
});

interface Features {
  readonly hooks: readonly string[];
  readonly mountOptions: readonly string[];
  readonly linux: {
    readonly namespaces: readonly string[];
    readonly capabilities: readonly string[];
    readonly seccomp: { readonly actions: readonly string[]; readonly operators: readonly string[] };
  };
}
