import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import { ordinaryUser, type OrdinaryUser } from '../support/as-user.ts';
import { tsbuildWithBusybox } from '../support/cli.ts';
import { requires } from '../support/requires.ts';

const host = ['--network', 'host'];

/** Processes that have the user's namespaces: their map names him, and the ids that are his. */
function processesOf(user: OrdinaryUser): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
      const map = readFileSync(`/proc/${pid}/uid_map`, 'latin1');
      return environment.includes(user.home) || new RegExp(` ${user.uid} +1\n`).test(map);
    } catch {
      return false;
    }
  });
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await sleep(20);
}

describe('what is left of killed commands of an ordinary user', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:setpriv', 'tool:newuidmap');

  it('R-54 a build killed in the middle of a step leaves no process, no mount, and a store to go on with', async () => {
    const user = ordinaryUser({ ranges: ['8000000:65536'] });
    const cli = await tsbuildWithBusybox(user.store, user.through);
    const child = cli.start(['build', ...host, '-f', '-', user.home]);
    child.stdin?.end('FROM busybox:1\nRUN echo begun; sleep 1000 & sleep 1000\n');
    let output = '';
    child.stderr?.setEncoding('latin1').on('data', (text: string) => (output += text));
    await until(() => /\d begun/.test(output));
    child.kill('SIGKILL');
    await until(() => processesOf(user).length === 0);
    expect(readFileSync('/proc/self/mountinfo', 'latin1')).not.toContain(user.home);
    const input = 'FROM busybox:1\nRUN echo begun\n';
    expect(await cli.ok(['build', '-q', ...host, '-f', '-', user.home], { input })).toMatch(/^sha256:/);
    // What its namespaces' end kills, the kernel buries a moment later.
    await expect.poll(() => processesOf(user)).toEqual([]);
  });

  it('R-54 a container whose monitor is killed is dead, and a new one finds new namespaces', async () => {
    const user = ordinaryUser({ ranges: ['8100000:65536'] });
    const cli = await tsbuildWithBusybox(user.store, user.through);
    await cli.ok(['run', '-d', '--name', 'first', ...host, 'busybox:1', 'sleep', '1000']);
    const folder = join(user.runtimeFolder, 'tsbuild/namespaces');
    const alive = readdirSync(folder).filter((name) => processesOf(user).includes(name));
    expect(alive).toHaveLength(1);
    process.kill(Number(alive[0]), 'SIGKILL');
    await until(() => processesOf(user).length === 0);
    expect(await cli.ok(['ps', '-q'])).toBe('');
    await cli.ok(['start', 'first']);
    expect(await cli.ok(['exec', 'first', 'id', '-u'])).toBe('0');
    await cli.ok(['rm', '-f', 'first']);
    await until(() => processesOf(user).length === 0);
  });
});
