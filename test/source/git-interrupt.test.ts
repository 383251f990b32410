import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import { parseGitSource } from '../../src/dockerfile/index.ts';
import { startGitServer } from '../support/git-server.ts';
import { errorOf, gitWorld } from '../support/git-world.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** Processes with the text among their arguments. */
function processesWith(text: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(text);
    } catch {
      return false;
    }
  });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}

describe('an interrupted fetch', () => {
  requires('tool:git');

  it('ends git and the programs that git started', async () => {
    await using server = await startGitServer(tempFolder('served').path, { silent: true });
    const source = parseGitSource(`${server.url}/silent.git`);
    if (source === undefined) throw new Error('not a git source');
    const interrupt = new AbortController();
    const asking = errorOf(gitWorld().fetcher.resolve(source, { signal: interrupt.signal }));
    await until(() => server.requests.length > 0);
    // git and its helper for http.
    expect(processesWith(server.url).length).toBeGreaterThan(1);
    interrupt.abort();
    expect(await asking).toMatchObject({ code: 'INTERRUPTED' });
    await until(() => processesWith(server.url).length === 0);
  });

  it('is not begun', async () => {
    const source = parseGitSource('http://127.0.0.1:1/none.git');
    if (source === undefined) throw new Error('not a git source');
    const signal = AbortSignal.abort();
    expect(await errorOf(gitWorld().fetcher.resolve(source, { signal }))).toMatchObject({
      code: 'INTERRUPTED',
    });
  });
});
