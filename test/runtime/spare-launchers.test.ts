import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { busyboxHost, runBusybox } from '../support/busybox-container.ts';
import { requires } from '../support/requires.ts';

describe('launchers that are started before their container', () => {
  requires('root', 'overlay');

  it('R-02 take the containers that were expected, and none is left after the last', async () => {
    const host = busyboxHost();
    for (const _ of ['one', 'two']) host.runtime.expect();
    expect(launchers()).toHaveLength(1);
    // One more than expected.
    for (const word of ['one', 'two', 'three'])
      expect(await runBusybox(host, `echo ${word}`)).toMatchObject({ code: 0, stdout: `${word}\n` });
    expect(launchers()).toEqual([]);
  });

  it('R-02 end with the runtime when their container never comes', async () => {
    const host = busyboxHost();
    host.runtime.expect();
    expect(launchers()).toHaveLength(1);
    host.runtime[Symbol.dispose]();
    await ended();
    host.runtime.expect();
    expect(launchers()).toEqual([]);
  });

  it('R-02 one that was killed meanwhile takes no container', async () => {
    const host = busyboxHost();
    host.runtime.expect();
    for (const pid of launchers()) process.kill(pid, 'SIGKILL');
    await ended();
    expect(await runBusybox(host, 'echo here')).toMatchObject({ code: 0, stdout: 'here\n' });
  });
});

async function ended(): Promise<void> {
  while (launchers().length > 0) await sleep(5);
}

/** Those of this process; one that was not waited for yet counts. */
function launchers(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => isOwnLauncher(pid))
    .map(Number);
}

function isOwnLauncher(pid: string): boolean {
  try {
    const [, parent] = /\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
    const isOurs = parent === String(process.pid);
    return isOurs && !readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('node');
  } catch {
    return false;
  }
}
