import { rmSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { debianBaseTar } from '../test/support/debian-base.ts';
import { startDockerEngine } from '../test/support/docker-engine.ts';
import { projectRoot } from '../test/support/paths.ts';
import { findTool } from '../test/support/requires.ts';
import { runCommand, runOk } from '../test/support/run-command.ts';

/** One builder with a store of its own that already holds the base. */
export interface Tool extends AsyncDisposable {
  readonly name: string;
  readonly version: string;
  /** Name under which the base is known to this tool. */
  readonly base: string;
  /** The command that builds a folder into a tagged image, with the host's network and every step cached. */
  build(context: string, tag: string): Timed;
  /** The command that runs `true` in a new container and removes it; undefined where the tool has none. */
  runTrue(tag: string): Timed | undefined;
}

/** A command to be timed, and the environment it needs. */
export interface Timed {
  readonly argv: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

export async function tsbuildTool(folder: string): Promise<Tool> {
  const tsbuild = [join(projectRoot, 'bin/tsbuild.js'), '--root', folder];
  const base = 'debian:bookworm-slim';
  await runOk([...tsbuild, 'import', await debianBaseTar(), base]);
  return {
    name: 'tsbuild',
    version: (await runOk([...tsbuild, '--version'])).trim(),
    base,
    build: (context, tag) => ({ argv: [...tsbuild, 'build', '-t', tag, context] }),
    runTrue: (tag) => ({ argv: [...tsbuild, 'run', '--rm', '--network', 'host', tag, 'true'] }),
    async [Symbol.asyncDispose]() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function dockerTool(folder: string): Promise<Tool> {
  const engine = await startDockerEngine(folder);
  await engine.importDebianBase();
  const { host, config } = engine.address;
  const env = { DOCKER_HOST: host, DOCKER_CONFIG: config, DOCKER_BUILDKIT: '1', BUILDKIT_PROGRESS: 'plain' };
  return {
    name: 'docker',
    version: await engine.ok(['version', '--format', '{{.Server.Version}}']),
    base: 'debian:bookworm-slim',
    build: (context, tag) => ({
      argv: [engine.program, 'build', '--network', 'host', '-t', tag, context],
      env,
    }),
    runTrue: (tag) => ({ argv: [engine.program, 'run', '--rm', '--network', 'host', tag, 'true'], env }),
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

export async function buildahTool(folder: string): Promise<Tool> {
  // The run root goes into names of sockets and must stay short.
  const store = ['--root', join(folder, 's'), '--runroot', join(folder, 'r'), '--storage-driver', 'overlay'];
  const buildah = ['buildah', ...store];
  const base = 'localhost/debian:bookworm-slim';
  mkdirSync(folder, { recursive: true });
  await runOk([...buildah, 'from', '--name', 'base', 'scratch']);
  await runOk([...buildah, 'add', '-q', 'base', await debianBaseTar(), '/']);
  await runOk([...buildah, 'commit', '-q', 'base', base]);
  await runOk([...buildah, 'rm', 'base']);
  // Without the right to raise limits (CAP_SYS_RESOURCE) its own defaults fail.
  const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1000:1000'];
  const podman = ['podman', ...store, '--runtime', 'runc', '--cgroup-manager', 'cgroupfs'];
  return {
    name: 'buildah',
    version: (await runOk(['buildah', '--version'])).split(' ')[2] ?? '',
    base,
    build: (context, tag) => ({
      argv: [
        ...buildah,
        'bud',
        '--layers',
        '--isolation',
        'oci',
        '--runtime',
        'runc',
        '--network',
        'host',
      ].concat(['-t', tag, context]),
    }),
    runTrue: (tag) =>
      findTool('podman') === undefined
        ? undefined
        : { argv: [...podman, 'run', '--rm', '--network', 'host', ...limits, `localhost/${tag}`, 'true'] },
    async [Symbol.asyncDispose]() {
      await runCommand([
        'sh',
        '-c',
        'grep -F " $0/" /proc/mounts | cut -d" " -f2 | sort -r | xargs -r umount -l',
        folder,
      ]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
