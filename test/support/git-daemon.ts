import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { answers, freePort } from './ports.ts';

/** `git daemon` on a free port, for the repositories of the folder: `git://127.0.0.1:PORT`. */
export async function startGitDaemon(folder: string): Promise<AsyncDisposable & { readonly url: string }> {
  const port = await freePort();
  const args = ['daemon', '--export-all', `--base-path=${folder}`, '--listen=127.0.0.1', `--port=${port}`];
  // git runs the daemon as a child: the whole group is to end.
  const child = spawn('git', args, { stdio: 'ignore', detached: true });
  const ended = once(child, 'exit');
  while (!(await answers({ host: '127.0.0.1', port }))) {
    if (child.exitCode !== null) throw new Error('git daemon ended');
    await sleep(20);
  }
  return {
    url: `git://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
      await ended;
    },
  };
}
