import { copyFileSync, existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { build, type BuildOptions } from '../../src/build.ts';
import { TsbuildError } from '../../src/core/index.ts';
import { built, treeLines, type Built } from '../support/built-tree.ts';
import { tsbuildWithBusybox } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { projectRoot } from '../support/paths.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { sshKey } from '../support/ssh-keys.ts';
import { tempFolder } from '../support/temp-folder.ts';

let root: string;
let client: string;
let ssh: NonNullable<BuildOptions['ssh']>;

/** Messages of the agent protocol: identities, add, remove all, lock. */
const asked = { list: '000000010b', add: '0000000111', clear: '0000000113', lock: '000000051600000000' };

function run(text: readonly string[], options: Partial<BuildOptions> = {}): Promise<Built> {
  const lines = ['FROM busybox:1', 'COPY ask /bin/ask', ...text, ''];
  const context = makeContext({ Dockerfile: lines.join('\n') });
  copyFileSync(client, join(context, 'ask'));
  return built({ context, root, ssh, ...options });
}

function failure(text: readonly string[], options: Partial<BuildOptions>): Promise<unknown> {
  return run(text, options).then(
    () => 'built',
    (error: unknown) => error,
  );
}

describe('RUN --mount=type=ssh', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:tar', 'tool:cc', 'tool:ssh-agent', 'tool:ssh-keygen');
  beforeAll(async () => {
    ({ root } = await tsbuildWithBusybox());
    client = join(tempFolder('client').path, 'ask');
    await runOk([
      'cc',
      '-static',
      '-O1',
      '-o',
      client,
      join(projectRoot, 'test/ops/programs/agent-client.c'),
    ]);
    ssh = new Map([['default', { kind: 'keys', paths: [await sshKey()] }]]);
  });

  it('L-141 C-16 reaches the agent, and may do it no harm', async () => {
    const made = await run([
      `RUN --mount=type=ssh echo $SSH_AUTH_SOCK; stat -c "%a %u:%g %F" $SSH_AUTH_SOCK; ask ${asked.list} ${asked.add} ${asked.clear} ${asked.lock} ${asked.list}`,
    ]);
    expect(made.output.split('\n')).toEqual([
      '/run/buildkit/ssh_agent.0',
      '600 0:0 socket',
      '12 5 5 5 12',
      '',
    ]);
    expect(treeLines(await made.tree()).filter((line) => line.startsWith('run'))).toEqual([]);
  });

  it('L-141 has the place, owner and mode asked for, and the variable names the first', async () => {
    const first = '--mount=type=ssh,target=/tmp/one,uid=1000,gid=50,mode=0660';
    const { output } = await run([
      `RUN ${first} --mount=type=ssh stat -c "%n %a %u:%g" /tmp/one /run/buildkit/*; echo $SSH_AUTH_SOCK`,
      'USER 1000',
      `RUN ${first} ask ${asked.list}`,
      `RUN --mount=type=ssh ask ${asked.list} || echo refused`,
    ]);
    const lines = output.split('\n').filter((line) => !line.startsWith('connect'));
    expect(lines).toEqual([
      '/tmp/one 660 1000:50',
      '/run/buildkit/ssh_agent.1 600 0:0',
      '/tmp/one',
      '12',
      'refused',
      '',
    ]);
  });

  it('L-141 may be missing unless it is required', async () => {
    const without = { ssh: new Map() };
    const optional = ['RUN --mount=type=ssh,id=none ls /run/buildkit 2>/dev/null | wc -l'];
    expect((await run(optional, without)).output).toBe('0\n');
    expect(await failure(['RUN --mount=type=ssh,required true'], without)).toMatchObject({
      code: 'SSH_INVALID',
      message: 'the SSH agent "default" is required but was not given',
      hint: 'add --ssh default',
      at: { lines: ['RUN --mount=type=ssh,required true'] },
    });
    expect(await failure(['RUN --mount=type=ssh,id=git,required true'], without)).toMatchObject({
      hint: 'add --ssh git=SOCKET or --ssh git=KEY',
    });
  });

  it('L-141 counts by its id alone: with an agent or without, the step is the same', async () => {
    const text = ['RUN --mount=type=ssh,id=other echo $SSH_AUTH_SOCK > /seen'];
    const first = await run(text, { ssh: new Map() });
    const second = await run(text, { ssh: new Map([['other', { kind: 'keys', paths: [await sshKey()] }]]) });
    expect([second.ran, second.id]).toEqual([[], first.id]);
  });

  it('L-145 may lie inside a cache mount', async () => {
    const { output } = await run([
      `RUN --mount=type=ssh,target=/c/agent --mount=type=cache,target=/c ask ${asked.list}; ls /c`,
    ]);
    expect(output).toBe('12\nagent\n');
  });

  it.each([
    ['success', 'true', undefined],
    ['failure', 'false', { code: 'RUN_FAILED' }],
    ['an abort', 'echo now; sleep 60', expect.anything()],
  ])('S-70 after %s no agent, socket, lock or mount is left', async (_, command, error) => {
    const abort = new AbortController();
    const seen: unknown[] = [];
    const context = makeContext({
      Dockerfile: `FROM busybox:1\nRUN --mount=type=ssh --mount=target=/m,rw touch /m/x; echo go; ${command}\n`,
    });
    const options = { context, root, ssh, noCache: true, signal: abort.signal };
    const building = build({
      ...options,
      emit: (event) => {
        if (event.type !== 'step-log') return;
        seen.push(held());
        if (Buffer.from(event.data).includes('now')) abort.abort(new TsbuildError('INTERRUPTED', 'enough'));
      },
    });
    if (error === undefined) await building;
    else await expect(building).rejects.toMatchObject(error);
    // The agent, its socket and the one of the step; the root's upper and that of the bind mount.
    expect(seen[0]).toMatchObject({ shells: 1, memory: 2, uppers: 2 });
    expect(held()).toEqual({ shells: 0, memory: 0, uppers: 0, mounts: [] });
  });
});

/** What a step with an agent and a writable bind mount needs of the machine. */
function held(): unknown {
  const shells = readdirSync('/proc').filter(
    (pid) => /^\d+$/.test(pid) && tryRead(`/proc/${pid}/stat`)?.includes(`(sh) S ${process.pid} `) === true,
  );
  const open = readdirSync('/proc/self/fd').map((fd) => tryReadlink(`/proc/self/fd/${fd}`) ?? '');
  const snapshots = join(root, 'snapshots');
  const uppers = readdirSync(snapshots).filter(
    (id) => !id.startsWith('.') && !existsSync(join(snapshots, id, 'snapshot.json')),
  );
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return {
    shells: shells.length,
    memory: open.filter((path) => /^\/dev\/shm\/tsbuild-/.test(path)).length,
    uppers: uppers.length,
    mounts: mounts.filter((line) => line.includes(root)),
  };
}

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

function tryReadlink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
