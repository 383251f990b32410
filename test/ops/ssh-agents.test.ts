import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { openSshAgents } from '../../src/ops/ssh-agents.ts';
import { until } from '../support/holdings.ts';
import { projectRoot } from '../support/paths.ts';
import { requires } from '../support/requires.ts';
import { runCommand, runOk } from '../support/run-command.ts';
import { sshKey } from '../support/ssh-keys.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('the agents behind --ssh', () => {
  requires('tool:ssh-agent', 'tool:ssh-add', 'tool:ssh-keygen');

  function keys(...paths: string[]): Parameters<typeof openSshAgents>[0] {
    return new Map([['default', { kind: 'keys', paths }]]);
  }

  async function listed(socket: string | undefined): Promise<number> {
    const text = await runOk(['ssh-add', '-L'], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
    return text.split('\n').length;
  }

  it('C-16 hold the keys given, whatever the mode of their files', async () => {
    const [one, two] = [await sshKey(), await sshKey()];
    chmodSync(two, 0o644);
    await using agents = openSshAgents(keys(one, two));
    expect(await listed(await agents.socket('default'))).toBe(2);
    expect(await agents.socket('other')).toBeUndefined();
  });

  it('C-16 start once for all who ask, and end with all they had', async () => {
    const agents = openSshAgents(keys(await sshKey()));
    const sockets = await Promise.all([agents.socket('default'), agents.socket('default')]);
    const socket = sockets[0] ?? '';
    expect(new Set(sockets).size).toBe(1);
    expect(processesWith(socket)).not.toEqual([]);
    await agents[Symbol.asyncDispose]();
    expect([existsSync(dirname(socket)), processesWith(socket)]).toEqual([false, []]);
  });

  it('C-16 S-70 end when their builder is killed', async () => {
    const script = `
      const { openSshAgents } = await import(${JSON.stringify(join(projectRoot, 'src/ops/ssh-agents.ts'))});
      const agents = openSshAgents(new Map([['a', { kind: 'keys', paths: [${JSON.stringify(await sshKey())}] }]]));
      console.log(await agents.socket('a'));
      setInterval(() => {}, 1000);`;
    const builder = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const socket = await new Promise<string>((resolve) =>
      builder.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim())),
    );
    expect(processesWith(socket)).not.toEqual([]);
    builder.kill('SIGKILL');
    await until(() => processesWith(socket).length === 0);
    // The folder goes with the next one that is made.
    await using agents = openSshAgents(keys(await sshKey()));
    await agents.socket('default');
    expect(existsSync(dirname(socket))).toBe(false);
  });

  it.each([
    ['has a passphrase', () => sshKey({ passphrase: 'secret' }), /cannot be used/],
    ['is no key', () => file('hello\n'), /cannot be used/],
    ['is the public half', async () => `${await sshKey()}.pub`, /cannot be used/],
    ['is empty', () => file(''), /cannot be used/],
    ['is not there', () => '/none/key', /cannot be read/],
    ['is a folder', () => '/etc', /cannot be read/],
    ['is a device', () => '/dev/zero', /cannot be read/],
    ['is too large', () => file('x'.repeat(100 * 1024 + 1)), /cannot be read/],
  ])('C-16 refuse a key that %s, and ask nobody', async (_, path, message) => {
    await using agents = openSshAgents(keys(await path()));
    await expect(agents.socket('default')).rejects.toMatchObject({
      code: 'SSH_INVALID',
      message: expect.stringMatching(message) as string,
      hint: expect.any(String) as string,
    });
  });

  it('C-16 refuse a socket that nobody made', async () => {
    await using agents = openSshAgents(new Map([['x', { kind: 'agent', socket: '/none/agent' }]]));
    await expect(agents.socket('x')).rejects.toMatchObject({ code: 'SSH_INVALID' });
  });

  it("C-16 pass on the user's own agent", async () => {
    const socket = join(tempFolder('agent').path, 'socket');
    const { stdout } = await runCommand(['ssh-agent', '-a', socket, 'true']);
    expect(stdout).toBe('');
    await using agents = openSshAgents(new Map([['x', { kind: 'agent', socket }]]));
    // It ends some seconds after its command: until then it is there.
    expect(await agents.socket('x')).toBe(socket);
  });
});

function file(text: string): string {
  const path = join(tempFolder('key').path, 'file');
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** Processes that name the socket, and live. */
function processesWith(text: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
    } catch {
      return false;
    }
  });
}
