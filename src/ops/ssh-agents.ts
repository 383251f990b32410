import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { isErrno, TsbuildError } from '../core/index.ts';
import { memoryFolder } from './memory-file.ts';
import type { SshSource } from './types.ts';

/** The agents behind `--ssh`; those that had to be started end when it is disposed. */
export interface SshAgents extends AsyncDisposable {
  /** Host path of the agent's socket; undefined when none was given for the id. Throws SSH_INVALID. */
  socket(id: string): Promise<string | undefined>;
}

/** Nothing is started before the first socket is asked for. */
export function openSshAgents(ssh: ReadonlyMap<string, SshSource>): SshAgents {
  const started = new Map<string, Promise<string>>();
  const held = new AsyncDisposableStack();
  return {
    async socket(id) {
      const source = ssh.get(id);
      if (source === undefined) return undefined;
      if (source.kind === 'agent') return requireSocket(id, source.socket);
      const known = started.get(id) ?? startAgent(id, source.paths, held);
      started.set(id, known);
      return known;
    },
    async [Symbol.asyncDispose]() {
      // One that is just being started must be there to be ended.
      await Promise.allSettled(started.values());
      await held.disposeAsync();
    },
  };
}

function requireSocket(id: string, path: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isSocket() === true) return path;
  throw new TsbuildError('SSH_INVALID', `ssh ${id}: there is no agent at ${path}`, {
    hint: 'start one (eval $(ssh-agent); ssh-add), or give --ssh another socket or a key',
  });
}

async function startAgent(id: string, keys: readonly string[], held: AsyncDisposableStack): Promise<string> {
  const folder = held.use(memoryFolder());
  const socket = join(folder.path, 'agent');
  const agent = await Agent.start(socket);
  held.use(agent);
  for (const key of keys) await addKey(id, key, socket);
  return socket;
}

/** Waits on a pipe from here: should this process be killed, the pipe breaks, and no key outlives the build in memory. */
const watch = 'echo "$SSH_AGENT_PID"; cat >/dev/null; kill "$SSH_AGENT_PID"';

/** An agent of the build's own, with a shell for its command that sees to its end. */
class Agent implements AsyncDisposable {
  readonly #shell: ChildProcess;
  readonly #pid: number;

  private constructor(shell: ChildProcess, pid: number) {
    this.#shell = shell;
    this.#pid = pid;
  }

  static async start(socket: string): Promise<Agent> {
    const argv = ['-a', socket, '/bin/sh', '-c', watch];
    const shell = spawn('ssh-agent', argv, { stdio: ['pipe', 'pipe', 'ignore'], env: toolEnv() });
    const said = await firstLine(shell);
    if (/^[1-9]\d{0,9}$/.test(said)) return new Agent(shell, Number(said));
    shell.stdin.end();
    throw new TsbuildError('HOST_UNSUPPORTED', 'ssh-agent could not be started', {
      hint: 'keys of --ssh need ssh-agent and ssh-add (openssh-client); an agent of your own needs neither',
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = new Promise((resolve) => this.#shell.once('close', resolve));
    signalAgent(this.#pid, 'SIGTERM');
    // It is not our child, so its end is seen, not told; one that will not go is made to.
    for (let tries = 0; isAlive(this.#pid); tries++) {
      if (tries === 100) signalAgent(this.#pid, 'SIGKILL');
      await sleep(2);
    }
    this.#shell.stdin?.end();
    if (this.#shell.exitCode === null && this.#shell.signalCode === null) await gone;
  }
}

/** What it says first; empty when it ends without a word, or cannot be started. */
function firstLine(shell: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    shell.once('error', () => resolve(''));
    shell.once('close', () => resolve(''));
    shell.stdin?.on('error', () => undefined);
    shell.stdout?.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString('latin1')).slice(0, 100);
      if (text.includes('\n')) resolve(text.split('\n', 1).join(''));
    });
  });
}

/** Dead is also what only waits for its parent, the shell, which does not ask. */
function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return false;
    throw error;
  }
}

function signalAgent(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error;
  }
}

/** A private key is a few kilobytes; what is larger is something else. */
const maxKeySize = 100 * 1024;

/**
 * The key goes in through standard input, so that the file's mode is the user's own affair, as it is for BuildKit. A
 * passphrase is never asked for: there is no terminal, and the program that would ask says no.
 */
async function addKey(id: string, path: string, socket: string): Promise<void> {
  const key = readKey(id, path);
  const env = {
    ...toolEnv(),
    SSH_AUTH_SOCK: socket,
    SSH_ASKPASS: '/bin/false',
    SSH_ASKPASS_REQUIRE: 'force',
  };
  const child = spawn('ssh-add', ['-q', '-'], {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { ...env, DISPLAY: ':none' },
    // A session of its own has no terminal to ask on.
    detached: true,
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(0, 2000);
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(key);
  const status = await new Promise<number | undefined>((resolve) => {
    child.once('error', () => resolve(undefined));
    child.once('close', (code) => resolve(code ?? 1));
  });
  key.fill(0);
  if (status === 0) return;
  if (status === undefined) {
    throw new TsbuildError('HOST_UNSUPPORTED', 'the program ssh-add is not installed');
  }
  throw new TsbuildError('SSH_INVALID', `ssh ${id}: the key ${path} cannot be used`, {
    hint: 'it must be a private key without passphrase; keys with one belong into an agent: ssh-add, then --ssh default',
    cause: new Error(said.trim()),
  });
}

function readKey(id: string, path: string): Buffer {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!fstatSync(fd).isFile()) throw new Error('not a regular file');
    const bytes = Buffer.alloc(maxKeySize + 1);
    const length = readSync(fd, bytes, 0, bytes.length, 0);
    if (length > maxKeySize) throw new Error('too large for a key');
    return bytes.subarray(0, length);
  } catch (error) {
    throw new TsbuildError('SSH_INVALID', `ssh ${id}: the key ${path} cannot be read`, {
      hint: 'give the path of a private key, as --ssh default=$HOME/.ssh/id_ed25519',
      cause: error,
    });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Nothing of the user's own agent or desktop gets to the tools. */
function toolEnv(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], HOME: '/nonexistent', LC_ALL: 'C' };
}
