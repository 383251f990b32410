import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { answers, freePort } from './ports.ts';
import { findTool } from './requires.ts';
import { runOk } from './run-command.ts';

export interface SshServer extends AsyncDisposable {
  /** `ssh://root@127.0.0.1:PORT` */
  readonly url: string;
  /** Socket of an agent that holds the key which is let in. */
  readonly agent: string;
  /** A file that knows the server's key. */
  readonly knownHosts: string;
}

/** OpenSSH's server on a free port, for root and one key; needs `root`, `tool:sshd` and `tool:ssh-agent`. */
export async function startSshServer(folder: string): Promise<SshServer> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // The server's processes without privileges have it as their root.
  mkdirSync('/run/sshd', { recursive: true });
  const file = (name: string): string => join(folder, name);
  for (const name of ['host', 'user']) {
    await runOk(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file(name)]);
  }
  const port = await freePort();
  const settings = [
    `HostKey ${file('host')}`,
    `AuthorizedKeysFile ${file('user.pub')}`,
    'ListenAddress 127.0.0.1',
    `Port ${port}`,
    'PidFile none',
    'StrictModes no',
    'PermitRootLogin yes',
    'PasswordAuthentication no',
    'UsePAM no',
  ];
  writeFileSync(file('config'), `${settings.join('\n')}\n`);
  // It starts itself anew for each connection, for which it wants to know its whole path.
  const server = spawn(findTool('sshd') ?? 'sshd', ['-D', '-e', '-f', file('config')], { stdio: 'ignore' });
  const agent = spawn('ssh-agent', ['-D', '-a', file('agent')], { stdio: 'ignore' });
  const ended = [once(server, 'exit'), once(agent, 'exit')];
  while (!(await answers({ host: '127.0.0.1', port })) || !(await answers({ path: file('agent') }))) {
    if (server.exitCode !== null || agent.exitCode !== null) throw new Error('sshd or ssh-agent ended');
    await sleep(20);
  }
  await runOk(['ssh-add', '-q', file('user')], { env: { ...process.env, SSH_AUTH_SOCK: file('agent') } });
  const key = readFileSync(file('host.pub'), 'utf8').split(' ').slice(0, 2).join(' ');
  writeFileSync(file('known hosts'), `[127.0.0.1]:${port} ${key}\n`);
  return {
    url: `ssh://root@127.0.0.1:${port}`,
    agent: file('agent'),
    knownHosts: file('known hosts'),
    async [Symbol.asyncDispose]() {
      server.kill('SIGTERM');
      agent.kill('SIGTERM');
      await Promise.all(ended);
    },
  };
}
