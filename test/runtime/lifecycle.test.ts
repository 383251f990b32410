import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { busyboxHost, busyboxSpec, runBusybox } from '../support/busybox-container.ts';
import { requires } from '../support/requires.ts';

describe('the life of a container', () => {
  requires('root', 'overlay');

  const codes: [name: string, command: string | string[], code: number][] = [
    ['success', 'true', 0],
    ['the program’s own code', 'exit 42', 42],
    ['a code above 128 of its own', 'exit 200', 200],
    ['a program of PATH', ['true'], 0],
  ];
  it.each(codes)('R-33 ends with %s', async (_, command, code) => {
    expect((await runBusybox(busyboxHost(), command)).code).toBe(code);
  });

  it('R-33 a program that is killed ends with 128 and the signal', async () => {
    const host = busyboxHost();
    await using container = await host.runtime.create(busyboxSpec(host, ['sleep', '1000']));
    await container.start();
    await container.signal(9);
    expect(await container.wait()).toEqual({ kind: 'signaled', signal: 9 });
  });

  const failures: [name: string, args: string[], code: string][] = [
    ['a missing command', ['no-such-command'], 'COMMAND_NOT_FOUND'],
    ['a missing path', ['/no/such/command'], 'COMMAND_NOT_FOUND'],
    ['an empty name', [''], 'COMMAND_NOT_FOUND'],
    ['a directory', ['/tmp'], 'COMMAND_NOT_EXECUTABLE'],
    ['a file without x', ['/etc/passwd'], 'COMMAND_NOT_EXECUTABLE'],
    ['a script without its interpreter', ['/bin/lost'], 'COMMAND_NOT_FOUND'],
  ];
  it.each(failures)('R-33 %s is no exit status but an error', async (_, args, code) => {
    const host = busyboxHost();
    await runBusybox(host, 'echo "#!/no/interpreter" > /bin/lost; chmod 755 /bin/lost');
    await expect(runBusybox(host, args)).rejects.toMatchObject({ code });
  });

  it('S-78 a failing set-up says which step failed', async () => {
    const host = busyboxHost();
    const mounts = [{ destination: '/mnt', type: 'bind', source: '/no/such/source', options: ['bind'] }];
    await expect(runBusybox(host, 'exit 1', { mounts })).rejects.toMatchObject({
      code: 'RUNTIME_SETUP',
      message: 'cannot set up the container (bind): open /no/such/source: no such file or directory (ENOENT)',
    });
  });

  it('R-02 is created before it is started, and may be disposed of unstarted', async () => {
    const host = busyboxHost();
    const container = await host.runtime.create(busyboxSpec(host, 'echo started'));
    expect(readFileSync(`/proc/${container.pid}/comm`, 'latin1')).not.toBe('sh\n');
    const { pid } = container;
    await container[Symbol.asyncDispose]();
    expect(isAlive(pid)).toBe(false);
  });

  it('R-52 S-73 an abort kills it, and what it left on the way', async () => {
    const host = busyboxHost();
    const abort = new AbortController();
    const marker = `1${Math.floor(Math.random() * 1e8)}`;
    const running = runBusybox(host, ['sleep', marker], { signal: abort.signal });
    await until(() => processesWith(`sleep\0${marker}`).length > 0);
    abort.abort();
    expect((await running).status).toEqual({ kind: 'signaled', signal: 9 });
    const late = runBusybox(host, 'true', { signal: abort.signal });
    await expect(late).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });

  it('passes signals on to a program that handles them', async () => {
    const host = busyboxHost();
    const command = 'trap "echo got; exit 7" USR1; echo ready; while :; do sleep 0.05; done';
    await using container = await host.runtime.create(busyboxSpec(host, command));
    let output = '';
    const said = Promise.withResolvers<undefined>();
    container.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('ready')) said.resolve(undefined);
    });
    await container.start();
    await said.promise;
    await container.signal(10);
    expect(await container.wait()).toEqual({ kind: 'exited', code: 7 });
    if (container.stdout?.readableEnded === false) await once(container.stdout, 'end');
    expect(output).toBe('ready\ngot\n');
  });

  it('delivers output larger than any buffer, in order and apart', async () => {
    const { stdout, stderr } = await runBusybox(
      busyboxHost(),
      'i=0; while [ $i -lt 2000 ]; do echo "line $i of the output, padded $(printf %0100d 0)"; i=$((i+1)); done; echo last >&2',
    );
    expect(stdout.split('\n').length).toBe(2001);
    expect(stdout.split('\n')[1999]).toMatch(/^line 1999 /);
    expect(stderr).toBe('last\n');
  });

  it('the reader leaving ends the writer, which as PID 1 gets EPIPE in place of the signal', async () => {
    const host = busyboxHost();
    await using container = await host.runtime.create(busyboxSpec(host, ['yes']));
    await container.start();
    container.stdout?.destroy();
    expect(await container.wait()).toEqual({ kind: 'exited', code: 1 });
  });

  const pidNamespaces: [name: string, pid: boolean][] = [
    ['its own PID namespace', true],
    ['the host’s PIDs', false],
  ];
  it.each(pidNamespaces)('S-18 with %s nothing survives its end', async (_, ownPids) => {
    const host = busyboxHost();
    const marker = `1${Math.floor(Math.random() * 1e8)}`;
    const command = `setsid sh -c 'sleep ${marker} & sleep ${marker}' >/dev/null 2>&1 & exec sleep 0.2`;
    const spec = busyboxSpec(host, command);
    const namespaces = spec.config.linux.namespaces.filter(({ type }) => ownPids || type !== 'pid');
    const config = { ...spec.config, linux: { ...spec.config.linux, namespaces } };
    const { code } = await runBusybox(host, '', { spec: { config } });
    expect(code).toBe(0);
    expect(processesWith(marker)).toEqual([]);
  });

  it('S-18 S-70 kill -9 of the builder ends the container and removes its cgroups', async () => {
    const host = busyboxHost();
    const builder = startBuilder(host.folder, 'pipe', 'trap "" TERM; sleep 1000');
    const [id = '', pid = ''] = (await firstLine(builder.stdout)).split(' ');
    expect(isAlive(Number(pid))).toBe(true);
    builder.kill('SIGKILL');
    await until(() => !isAlive(Number(pid)) && cgroupsOf(id).length === 0);
  });

  it('S-18 kill -9 of the builder ends what left the session of a program without a PID namespace, too', async () => {
    const host = busyboxHost();
    const marker = `1${Math.floor(Math.random() * 1e8)}`;
    const command = `setsid sleep ${marker} >/dev/null 2>&1 & sleep 1000`;
    const builder = startBuilder(host.folder, 'pipe', command, { HOST_PIDS: '1' });
    await firstLine(builder.stdout);
    const left = (): number => processesWith(`sleep\0${marker}`).length;
    await until(() => left() === 1);
    builder.kill('SIGKILL');
    await until(() => left() === 0);
  });

  // Without cgroups it is the kernel's signal on the parent's death alone.
  it.each(['auto', 'none'] as const)(
    'S-18 SIGKILL of the launcher ends the container (cgroups: %s)',
    async (cgroups) => {
      const host = busyboxHost(cgroups);
      await using container = await host.runtime.create(busyboxSpec(host, ['sleep', '1000']));
      await container.start();
      const parent = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${container.pid}/status`, 'latin1'))?.[1];
      process.kill(Number(parent), 'SIGKILL');
      await expect(container.wait()).rejects.toMatchObject({ code: 'RUNTIME_SETUP' });
      await until(() => !isAlive(container.pid));
    },
  );

  it('S-01 the launcher is not to be written to while it waits inside', async () => {
    const host = busyboxHost();
    await using container = await host.runtime.create(busyboxSpec(host, 'true'));
    // Before the start PID 1 is the launcher itself: a sealed copy in memory, not the file on disk.
    expect(readlinkSync(`/proc/${container.pid}/exe`)).toBe('/memfd:tsbuild-launcher (deleted)');
  });

  it('S-01 executing the launcher through /proc/self/exe harms nothing', async () => {
    const host = busyboxHost();
    const before = readFileSync('dist/native/launcher');
    await runBusybox(host, 'ln -s /proc/self/exe /bin/trap');
    const result = await runBusybox(host, ['/bin/trap']);
    expect(result.code).not.toBe(0);
    expect(readFileSync('dist/native/launcher').equals(before)).toBe(true);
  });

  it('R-04 S-43 refuses ids that are no plain names', async () => {
    const host = busyboxHost();
    for (const id of ['', '.', '..', 'a/b', 'a\nb', 'é']) {
      await expect(runBusybox(host, 'true', { spec: { id } })).rejects.toMatchObject({
        code: 'RUNTIME_SETUP',
      });
    }
  });
});

function startBuilder(folder: string, stdio: string, command: string, env: NodeJS.ProcessEnv = {}) {
  const program = join(import.meta.dirname, 'programs/run-container.ts');
  return spawn(process.execPath, [program, folder, stdio, command], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function firstLine(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stream) {
    text += String(chunk);
    if (text.includes('\n')) return text.slice(0, text.indexOf('\n'));
  }
  throw new Error(`no line in ${JSON.stringify(text)}`);
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

function processesWith(marker: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(marker);
      } catch {
        return false;
      }
    });
}

function cgroupsOf(id: string): string[] {
  return readdirSync('/sys/fs/cgroup').filter((name) =>
    existsSync(join('/sys/fs/cgroup', name, 'tsbuild', id)),
  );
}

/** Polls; the test's own time limit is the only one. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}
