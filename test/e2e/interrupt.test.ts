import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { processesOf } from '../support/run-folder.ts';

/** What a running step holds of the machine. */
interface Holdings {
  readonly pid: number;
  readonly cgroups: readonly string[];
  readonly mountNamespace: string;
}

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
    const cgroups = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n').flatMap(cgroupFolder);
    const mountNamespace = readlinkSync(`/proc/${pid}/ns/mnt`);
    return { build, stderr: () => stderr, held: { pid, cgroups, mountNamespace } };
  }

  async function expectNothingLeft(marker: string, { cgroups, mountNamespace }: Holdings): Promise<void> {
    // After SIGKILL the kernel and the launcher need a moment; what is left after that is left for good.
    await until(() => pidOf(['sleep', marker]) === undefined && pidOf(['sleep', `${marker}1`]) === undefined);
    await until(() => !processIds().some((pid) => namespaceOf(pid) === mountNamespace));
    await until(() => cgroups.every((folder) => !existsSync(folder)));
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

async function until<T>(condition: () => T): Promise<NonNullable<T>> {
  for (let tries = 0; tries < 400; tries++) {
    const value = condition();
    if (value !== undefined && value !== null && value !== false) return value;
    await sleep(50);
  }
  throw new Error(`not within 20 s: ${condition.toString()}`);
}

function processIds(): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
}

function pidOf(argv: readonly string[]): number | undefined {
  const cmdline = `${argv.join('\0')}\0`;
  const pid = processIds().find((id) => tryRead(`/proc/${id}/cmdline`) === cmdline);
  return pid === undefined ? undefined : Number(pid);
}

function namespaceOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return undefined;
  }
}

/** A line of /proc/PID/cgroup as the folder of that cgroup, unless it is one the process was started in. */
function cgroupFolder(line: string): string[] {
  const [, controllers = '', path = ''] = line.split(':');
  if (path === '' || readFileSync('/proc/self/cgroup', 'utf8').includes(`:${controllers}:${path}\n`))
    return [];
  const v2 = existsSync('/sys/fs/cgroup/cgroup.controllers') ? '' : 'unified';
  return [`/sys/fs/cgroup/${controllers === '' ? v2 : controllers.replace('name=', '')}${path}`];
}

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
