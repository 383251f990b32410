import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import { debianBaseTar } from './debian-base.ts';
import { debianBaseName } from './docker-engine.ts';
import { projectRoot } from './paths.ts';
import { findTool } from './requires.ts';
import { runCommand, runOk, type CommandResult } from './run-command.ts';
import { dockerEngine } from './shared-engine.ts';

/** How a container that tsbuild runs in is started: what a CI service lets its users choose. */
export interface Surroundings {
  readonly engine: 'docker' | 'podman';
  readonly user: 'root' | 1000;
  readonly security: 'default' | 'seccomp=unconfined' | 'privileged';
  /** Host folders, as `HOST:CONTAINER[:ro]`. */
  readonly volumes?: readonly string[];
}

/** Runs `tsbuild ARGS` in a container of a real engine: Debian with this project's folder at /tsbuild, read-only. */
export async function tsbuildInside(
  surroundings: Surroundings,
  args: readonly string[],
): Promise<CommandResult> {
  const { engine, user, security, volumes = [] } = surroundings;
  const flags = ['--rm', '--network', 'host', '--user', user === 'root' ? '0:0' : '1000:1000']
    .concat(['-v', `${projectRoot}:/tsbuild:ro`, ...volumes.flatMap((volume) => ['-v', volume])])
    .concat(['-e', 'HOME=/tmp', '-e', 'SOURCE_DATE_EPOCH=1'])
    .concat(securityFlags[security](engine));
  const command = [debianBaseName, '/tsbuild/bin/tsbuild.js', ...args];
  if (engine === 'docker') {
    const docker = await dockerEngine();
    return docker.docker(['run', ...flags, ...command]);
  }
  // Its own defaults are above what a machine may allow its root.
  const limits = ['--ulimit', 'nofile=4096:4096', '--ulimit', 'nproc=4096:4096'];
  return runCommand([...(await podmanWithBase()), 'run', ...limits, ...flags, ...command]);
}

const securityFlags: Readonly<
  Record<Surroundings['security'], (engine: Surroundings['engine']) => readonly string[]>
> = {
  default: () => [],
  'seccomp=unconfined': () => ['--security-opt', 'seccomp=unconfined'],
  privileged: (engine) => {
    const lacking = lackingCapabilities();
    if (engine === 'podman' || lacking.length === 0) return ['--privileged'];
    // Docker gives all that exist or fails: where the machine's root lacks some, what else it means is asked for singly.
    return ['--cap-add', 'ALL', ...lacking.flatMap((name) => ['--cap-drop', name])]
      .concat(['--security-opt', 'seccomp=unconfined', '--security-opt', 'apparmor=unconfined'])
      .concat(['--security-opt', 'systempaths=unconfined']);
  },
};

/** Of those that machines are known to withhold from root. */
function lackingCapabilities(): string[] {
  const bounding = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  const set = BigInt(`0x${bounding}`);
  return Object.entries({ SYS_MODULE: 16n, SYS_RAWIO: 17n, SYS_TIME: 25n, SYS_RESOURCE: 24n })
    .filter(([, bit]) => ((set >> bit) & 1n) === 0n)
    .map(([name]) => name);
}

let podman: Promise<readonly string[]> | undefined;

/** The start of a command line of podman with folders of this run of the tests; the Debian base is in it. */
function podmanWithBase(): Promise<readonly string[]> {
  podman ??= (async () => {
    const folder = podmanFolder();
    // It wants a short path for what it keeps while running.
    const line = [
      findTool('podman') ?? 'podman',
      '--root',
      join(folder, 'root'),
      '--runroot',
      join(folder, 'run'),
    ];
    await runOk([...line, 'import', await debianBaseTar(), debianBaseName]);
    return line;
  })();
  return podman;
}

/** What podman leaves mounted in its folders, which are removed at the end of the run: its own storage, over itself. */
export async function discardPodman(): Promise<void> {
  const folder = podmanFolder();
  const unmount = 'grep -F " $0/" /proc/mounts | cut -d" " -f2 | sort -r | xargs -r umount -l';
  await runOk(['sh', '-c', unmount, folder]);
  podman = undefined;
}

function podmanFolder(): string {
  return join(inject('runFolder'), `podman-${process.pid}`);
}
