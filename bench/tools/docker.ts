import { startDockerEngine } from '../../test/support/docker-engine.ts';
import { runOk } from '../../test/support/run-command.ts';
import { processesOf } from '../../test/support/run-folder.ts';
import type { Tool } from './types.ts';

/** Docker's BuildKit, warm, with `overlay2`: the engine of a Debian release, or the installed one. */
export async function dockerTool(folder: string, release: string): Promise<Tool> {
  const programs =
    release === 'system' ? undefined : await runOk(['bash', 'scripts/fetch-engine.sh', release]);
  const engine = await startDockerEngine(folder, { programs, images: 'graphdriver' });
  await engine.importDebianBase();
  const { host, config } = engine.address;
  const env = { DOCKER_HOST: host, DOCKER_CONFIG: config, DOCKER_BUILDKIT: '1', BUILDKIT_PROGRESS: 'plain' };
  const helpers = processesOf(folder);
  const docker = [engine.program];
  return {
    name: 'docker',
    version: await engine.ok(['version', '--format', '{{.Server.Version}}']),
    base: 'debian:bookworm-slim',
    build: (context, tag) => ({
      argv: [...docker, 'build', '--network', 'host', '-t', tag, context],
      env,
      helpers,
    }),
    runTrue: (tag) => ({ argv: [...docker, 'run', '--rm', '--network', 'host', tag, 'true'], env, helpers }),
    push: (tag, to, packing) =>
      packing === 'zstd'
        ? undefined
        : {
            argv: ['sh', '-ec', '"$@" tag "$t" "$to"; "$@" push "$to"', 'sh', ...docker],
            env: { ...env, t: tag, to },
            helpers,
          },
    pull: (from) => ({ argv: [...docker, 'pull', from], env, helpers }),
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}
