import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { debianBaseTar } from './debian-base.ts';
import { runCommand, runOk, type CommandOptions, type CommandResult } from './run-command.ts';
import { findTool } from './requires.ts';

/** How to reach a running engine. Plain data: tests get it from the process that started the engine. */
export interface DockerEngineAddress {
  readonly host: string;
  /** An empty folder in place of the user's own ~/.docker. */
  readonly config: string;
  /** Where the engine's programs are, for one that is not the system's. */
  readonly programs?: string | undefined;
}

export interface DockerBuildOptions {
  /** Which of Docker's two builders. */
  readonly buildkit: boolean;
  readonly tag: string;
  readonly args?: readonly string[];
}

/** The name under which every engine gets the Debian base that the fixtures build on. */
export const debianBaseName = 'debian:bookworm-slim';

/** The client of one private engine. All builds and containers use the host's network: the engine has no bridge. */
export class DockerClient {
  readonly address: DockerEngineAddress;
  readonly program: string;

  constructor(address: DockerEngineAddress) {
    this.address = address;
    // Debian's own client before any newer one on the PATH: newer ones lack the old builders.
    const system = existsSync('/usr/bin/docker') ? '/usr/bin/docker' : (findTool('docker') ?? 'docker');
    this.program = address.programs === undefined ? system : join(address.programs, 'docker');
  }

  /** Runs `docker ARGS`, whatever comes of it. */
  async docker(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return runCommand([this.program, ...args], { ...options, env: this.#environment(options) });
  }

  /** Runs `docker ARGS`, which must succeed, and returns its output. */
  async ok(args: readonly string[], options: CommandOptions = {}): Promise<string> {
    return runOk([this.program, ...args], { ...options, env: this.#environment(options) });
  }

  /** Builds a folder into the image `tag`, with the whole output on failure. */
  async build(context: string, { buildkit, tag, args = [] }: DockerBuildOptions): Promise<void> {
    const env = { DOCKER_BUILDKIT: buildkit ? '1' : '0', BUILDKIT_PROGRESS: 'plain' };
    await this.ok(['build', '--network', 'host', '-t', tag, ...args, context], { env });
  }

  /** The image's config, as `docker inspect` shows it. */
  async inspect(image: string): Promise<Record<string, unknown>> {
    const [found] = JSON.parse(await this.ok(['image', 'inspect', image])) as Record<string, unknown>[];
    return found ?? {};
  }

  /** Writes the image's merged root file system as a tar. */
  async exportRootfs(image: string, tar: string): Promise<void> {
    // The command is never run; images without one cannot be created from otherwise.
    const container = await this.ok(['create', '--network', 'host', image, '/never-run']);
    try {
      await this.ok(['export', '-o', tar, container]);
    } finally {
      await this.docker(['rm', '-f', container]);
    }
  }

  /** Imports the Debian base, once. */
  async importDebianBase(): Promise<void> {
    if ((await this.docker(['image', 'inspect', debianBaseName])).status === 0) return;
    await this.ok(['import', '--change', 'CMD ["bash"]', await debianBaseTar(), debianBaseName]);
  }

  #environment({ env }: CommandOptions): NodeJS.ProcessEnv {
    const { host, config } = this.address;
    return { ...process.env, ...env, DOCKER_HOST: host, DOCKER_CONFIG: config };
  }
}

export interface DockerEngineOptions {
  /**
   * A folder with another release's docker, dockerd, containerd and containerd-shim-runc-v2, and with its
   * docker-buildx, without which newer clients do not build.
   */
  readonly programs?: string | undefined;
  /** Where another release's engine keeps images; default `containerd`, the only one that has what `COPY --link` needs. */
  readonly images?: 'containerd' | 'graphdriver' | undefined;
}

/**
 * Starts Debian's dockerd with everything it owns below `folder`: nothing of another engine is touched, and no firewall
 * rule or bridge is made. Ends with the value's scope, and at the latest with this process.
 */
export async function startDockerEngine(
  folder: string,
  { programs, images = 'containerd' }: DockerEngineOptions = {},
): Promise<DockerClient & AsyncDisposable> {
  mkdirSync(folder, { recursive: true });
  const socket = join(folder, 'docker.sock');
  const log = join(folder, 'dockerd.log');
  const config = join(folder, 'config');
  mkdirSync(config, { recursive: true });
  if (programs !== undefined) {
    mkdirSync(join(config, 'cli-plugins'));
    symlinkSync(join(programs, 'docker-buildx'), join(config, 'cli-plugins/docker-buildx'));
  }
  // Without one of its own the engine reads the machine's.
  const configFile = join(folder, 'daemon.json');
  // Newer engines have two stores.
  const features =
    programs === undefined ? {} : { features: { 'containerd-snapshotter': images === 'containerd' } };
  writeFileSync(configFile, JSON.stringify(features));
  const dockerd = ['dockerd', '--config-file', configFile, '--host', `unix://${socket}`]
    .concat(['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')])
    .concat([
      '--pidfile',
      join(folder, 'dockerd.pid'),
      '--bridge',
      'none',
      '--iptables=false',
      '--ip6tables=false',
    ]);
  // The shell adds the log and gives way to the engine; the kernel ends the engine when this process dies.
  const shell = ['-c', 'exec setpriv --pdeathsig TERM "$@" >"$0" 2>&1', log, ...dockerd];
  const path = [
    ...(programs === undefined ? [] : [programs]),
    process.env['PATH'] ?? '',
    '/usr/sbin',
    '/sbin',
  ];
  const env = { ...process.env, PATH: path.join(':') };
  const child = spawn('sh', shell, { stdio: 'ignore', env });
  const client = new DockerClient({ host: `unix://${socket}`, config, programs });
  for (let tries = 0; ; tries++) {
    if (existsSync(socket) && (await client.docker(['version'])).status === 0) break;
    if (child.exitCode !== null || tries === 1200) {
      child.kill('SIGKILL');
      throw new Error(`dockerd did not start:\n${readFileSync(log, 'utf8').slice(-3000)}`);
    }
    await sleep(100);
  }
  return Object.assign(client, {
    async [Symbol.asyncDispose](): Promise<void> {
      const ended = once(child, 'exit');
      if (child.exitCode === null && child.kill('SIGTERM')) await ended;
      // Containers that ran leave their file systems mounted where the engine was killed rather than stopped.
      await runCommand([
        'sh',
        '-c',
        'grep -F " $0/" /proc/mounts | cut -d" " -f2 | sort -r | xargs -r umount -l',
        folder,
      ]);
      rmSync(folder, { recursive: true, force: true });
    },
  });
}
