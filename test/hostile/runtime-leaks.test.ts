import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { until } from '../support/holdings.ts';
import { requires } from '../support/requires.ts';
import { processesOf } from '../support/run-folder.ts';
import { soak } from '../support/series.ts';

const [whole, killed, interrupted] = soak ? [200, 50, 20] : [20, 10, 5];

/** Children of a cgroup that only containers of this test are put in. */
const parent = `tsbuild-leaks-${process.pid}`;

describe('what containers leave behind', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;

  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  afterAll(() => {
    for (const folder of [...containerCgroups(), ...parentFolders()]) rmdirSync(folder);
  });

  const run = (...command: readonly string[]): string[] => {
    const limits = ['--cgroup-parent', parent, '--pids-limit', '50', '--network', 'none'];
    return ['run', '--rm', ...limits, 'busybox:1', ...command];
  };

  it('S-18 S-70 S-73 is nothing, however they end', { timeout: 600_000 }, async () => {
    for (let count = 0; count < whole; count++) await cli.ok(run('sh', '-c', 'sleep 100 & true'));
    expect(leftOf(cli.root)).toEqual(nothing);

    let state = inject('seed');
    const signals = [
      ...Array<'SIGKILL'>(killed).fill('SIGKILL'),
      ...Array<'SIGINT'>(interrupted).fill('SIGINT'),
    ];
    for (const signal of signals) {
      const child = cli.start(run('sh', '-c', 'trap "exit 9" INT; sleep 100 & wait'));
      child.stdout?.resume();
      child.stderr?.resume();
      const closed = once(child, 'exit');
      // From before the container is made to long after it has started.
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      await sleep(20 + (state % 600));
      child.kill(signal);
      // One that comes before the program is ready for it is lost on a PID 1.
      const again = setInterval(() => child.kill(signal), 500);
      await closed;
      clearInterval(again);
    }
    // The launchers see the end of their control sockets: no other command has run yet.
    await until(() => JSON.stringify(heldOf(cli.root)) === JSON.stringify(nothing));

    // Files of the store that a killed command had no time for are the next command's to clear away.
    await cli.ok(run('true'));
    expect(heldOf(cli.root)).toEqual(nothing);
  });
});

const nothing = { processes: [], mounts: [], cgroups: [] };

/**
 * A command killed after it made a container's cgroups and before its launcher knew of them leaves these empty; whoever
 * runs a container an hour later removes them.
 */
function heldOf(root: string): ReturnType<typeof leftOf> {
  const { cgroups, ...others } = leftOf(root);
  return {
    ...others,
    cgroups: cgroups.filter((folder) => processesIn(folder) !== ''),
  };
}

/** Empty also when the folder has gone meanwhile. */
function processesIn(folder: string): string {
  try {
    return readFileSync(join(folder, 'cgroup.procs'), 'latin1');
  } catch {
    return '';
  }
}

function leftOf(root: string): Record<keyof typeof nothing, readonly string[]> {
  return {
    processes: processesOf(root).map(String),
    mounts: readFileSync('/proc/mounts', 'latin1')
      .split('\n')
      .filter((line) => line.includes(root)),
    cgroups: containerCgroups(),
  };
}

/** The parent's folder in each hierarchy. */
function parentFolders(): string[] {
  const folders = readdirSync('/sys/fs/cgroup').map((name) => join('/sys/fs/cgroup', name, parent));
  return folders.filter((folder) => existsSync(folder));
}

function containerCgroups(): string[] {
  return parentFolders().flatMap((folder) => {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name));
  });
}
