import { beforeAll, describe, expect, it } from 'vitest';

import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { requires } from '../support/requires.ts';

describe('logs', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  /** Starts a detached container with this shell script. */
  const start = (name: string, script: string): Promise<string> =>
    cli.ok(['run', '-d', '--name', name, 'busybox:1', 'sh', '-c', script]);

  it('C-71 logs keeps lines whole, the two outputs apart, and what had no line end', async () => {
    const script =
      'printf "half "; sleep 0.2; echo line; echo error >&2; printf "%09999d" 0; printf "\\303"; printf "\\274 end"';
    await start('logged', script);
    await cli.ok(['wait', 'logged']);
    const { stdout, stderr } = await cli.run(['logs', 'logged']);
    expect(stdout).toBe(`half line\n${'0'.repeat(9999)}ü end`);
    expect(stderr).toBe('error\n');
    await cli.ok(['rm', 'logged']);
  });

  it('C-71 logs of much output are complete, and shown while it still runs', async () => {
    await start('much', 'seq 1 50000; while :; do sleep 0.1; done');
    await expect.poll(async () => (await cli.ok(['logs', 'much'])).split('\n').length).toBe(50_000);
    expect((await cli.ok(['logs', 'much'])).split('\n').at(-1)).toBe('50000');
    await cli.ok(['rm', '-f', 'much']);
  });

  it('C-71 logs of one that ran in the foreground says that there are none', async () => {
    await cli.ok(['run', '--name', 'front', 'busybox:1', 'echo', 'hi']);
    expect(await cli.run(['logs', 'front'])).toMatchObject({
      status: 0,
      stdout: '',
      stderr: expect.stringContaining('no log') as string,
    });
    await cli.ok(['rm', 'front']);
  });
});
