import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runCommand, runOk } from './run-command.ts';

export interface Containerd extends AsyncDisposable {
  /** Runs `ctr ARGS`, which must succeed, and returns its output. */
  ctr(args: readonly string[]): Promise<string>;
}

/** Debian's containerd with everything it owns below `folder`, whose path must be short: sockets are in it. */
export async function startContainerd(folder: string): Promise<Containerd> {
  mkdirSync(folder, { recursive: true });
  const socket = join(folder, 'c.sock');
  const log = join(folder, 'log');
  const config = join(folder, 'config.toml');
  const lines = [
    'version = 2',
    `root = ${JSON.stringify(join(folder, 'root'))}`,
    `state = ${JSON.stringify(join(folder, 'state'))}`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
    `[grpc]\naddress = ${JSON.stringify(socket)}`,
    `[ttrpc]\naddress = ${JSON.stringify(`${socket}.ttrpc`)}`,
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  // The kernel ends it when this process dies.
  const shell = [
    '-c',
    'exec setpriv --pdeathsig TERM "$@" >"$0" 2>&1',
    log,
    'containerd',
    '--config',
    config,
  ];
  const child = spawn('sh', shell, { stdio: 'ignore' });
  const ctr = ['ctr', '--address', socket];
  for (let tries = 0; ; tries += 1) {
    if (existsSync(socket) && (await runCommand([...ctr, 'version'])).status === 0) break;
    if (child.exitCode !== null || tries === 1200) {
      child.kill('SIGKILL');
      throw new Error(`containerd did not start:\n${readFileSync(log, 'utf8').slice(-3000)}`);
    }
    await sleep(50);
  }
  return {
    ctr: (args) => runOk([...ctr, ...args]),
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      if (child.exitCode === null && child.kill('SIGTERM')) await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
