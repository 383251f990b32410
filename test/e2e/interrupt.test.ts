import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { allGone, holdingsOf, pidOf, until, type Holdings } from '../support/holdings.ts';
import { requires } from '../support/requires.ts';
import { processesOf } from '../support/run-folder.ts';

describe('a build that is stopped in the middle of a RUN', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  /** Starts a build whose RUN leaves a child behind and then waits for ever. */
  async function startBuild(
    marker: string,
  ): Promise<{ build: ChildProcess; stderr: () => string; held: Holdings }> {
    const run = `RUN touch /half && (sleep ${marker}1 &) ; echo now-${marker} ; sleep ${marker}`;
    const context = makeContext({ Dockerfile: `FROM busybox:1\n${run}\n` });
    const build = cli.start(['build', '-m', '100m', '-t', 'never', context]);
    let stderr = '';
    build.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    await until(() => new RegExp(`^#\\d+ [0-9.]+ now-${marker}$`, 'm').test(stderr));
    const pid = await until(() => pidOf(['sleep', marker]));
    return { build, stderr: () => stderr, held: holdingsOf(pid) };
  }

  async function expectNothingLeft(marker: string, held: Holdings): Promise<void> {
    await until(() => pidOf(['sleep', marker]) === undefined && pidOf(['sleep', `${marker}1`]) === undefined);
    await allGone(held);
    await until(() => processesOf(cli.root).length === 0);
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(cli.root);
  }

  it('S-73 by Ctrl-C ends with 130 and leaves nothing behind', async () => {
    const { build, stderr, held } = await startBuild('86011');
    expect(held.cgroups.length).toBeGreaterThan(0);
    build.kill('SIGINT');
    expect(await once(build, 'exit')).toEqual([130, null]);
    expect(stderr()).toContain('INTERRUPTED');
    await expectNothingLeft('86011', held);
    expect((await cli.run(['inspect', 'never'])).status).not.toBe(0);
  });

  it('by SIGTERM does so too', async () => {
    const { build, held } = await startBuild('86022');
    build.kill('SIGTERM');
    expect(await once(build, 'exit')).toEqual([130, null]);
    await expectNothingLeft('86022', held);
  });

  it('S-70 by SIGKILL leaves nothing behind, and the next build works', async () => {
    const { build, held } = await startBuild('86033');
    build.kill('SIGKILL');
    await once(build, 'exit');
    await expectNothingLeft('86033', held);
    await cli.ok([
      'build',
      '-t',
      'next',
      makeContext({ Dockerfile: 'FROM busybox:1\nRUN test ! -e /half\n' }),
    ]);
  });
});
