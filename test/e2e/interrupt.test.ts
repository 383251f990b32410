import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { allGone, holdingsOf, sleeper, until } from '../support/holdings.ts';
import { requires } from '../support/requires.ts';
import { processesOf } from '../support/run-folder.ts';

describe('a build that is stopped in the middle of a RUN', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  /** Starts a build whose RUN leaves a child behind and then waits for ever. */
  async function startBuild(): Promise<{
    readonly build: ChildProcess;
    /** Its exit code, and all that it said. */
    readonly ended: Promise<{ readonly code: unknown; readonly stderr: string }>;
    readonly cgroups: readonly string[];
    readonly nothingLeft: () => Promise<void>;
  }> {
    const [behind, last] = [sleeper(), sleeper()];
    const run = `RUN touch /half && (${behind.line} &) ; echo now ; ${last.line}`;
    const context = makeContext({ Dockerfile: `FROM busybox:1\n${run}\n` });
    const build = cli.start(['build', '-m', '100m', '-t', 'never', context]);
    let stderr = '';
    build.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const ended = once(build, 'close').then(([code]: unknown[]) => ({ code, stderr }));
    await until(() => /^#\d+ [0-9.]+ now$/m.test(stderr));
    const held = holdingsOf(await until(last.pid));
    const nothingLeft = async (): Promise<void> => {
      await until(() => last.pid() === undefined && behind.pid() === undefined);
      await allGone(held);
      await until(() => processesOf(cli.root).length === 0);
      expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(cli.root);
    };
    return { build, ended, cgroups: held.cgroups, nothingLeft };
  }

  it('S-73 by Ctrl-C ends with 130 and leaves nothing behind', async () => {
    const { build, ended, cgroups, nothingLeft } = await startBuild();
    expect(cgroups.length).toBeGreaterThan(0);
    build.kill('SIGINT');
    expect(await ended).toEqual({ code: 130, stderr: expect.stringContaining('INTERRUPTED') as string });
    await nothingLeft();
    expect((await cli.run(['inspect', 'never'])).status).not.toBe(0);
  });

  it('by SIGTERM does so too', async () => {
    const { build, ended, nothingLeft } = await startBuild();
    build.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 130 });
    await nothingLeft();
  });

  it('S-70 by SIGKILL leaves nothing behind, and the next build works', async () => {
    const { build, ended, nothingLeft } = await startBuild();
    build.kill('SIGKILL');
    await ended;
    await nothingLeft();
    await cli.ok([
      'build',
      '-t',
      'next',
      makeContext({ Dockerfile: 'FROM busybox:1\nRUN test ! -e /half\n' }),
    ]);
  });
});
