import { join } from 'node:path';
import type { DockerClient } from '../docker-engine.ts';
import type { Builder } from './builder.ts';
import { readSavedImage } from './saved-image.ts';

/** One of the two builders of a Docker engine. */
export async function dockerBuilder(docker: DockerClient, kind: 'buildkit' | 'classic'): Promise<Builder> {
  const version = await docker.ok(['version', '--format', '{{.Server.Version}}']);
  return {
    name: `docker ${version} ${kind}`,
    importBase: (tar, name) => docker.ok(['import', tar, name]),
    async build({ context, file, tag, flags, env }) {
      // A cached step may come from another case: times, which no key has, would be that one's.
      const args = ['build', '--no-cache', '--network', 'host', '-t', tag, ...flags];
      if (file !== undefined) args.push('-f', file);
      const { status, stderr } = await docker.docker([...args, '.'], {
        cwd: context,
        env: { DOCKER_BUILDKIT: kind === 'buildkit' ? '1' : '0', BUILDKIT_PROGRESS: 'plain', ...env },
      });
      if (status === 0) return undefined;
      const said = lastWords(stderr);
      if (/^Internal:|Cannot connect to the Docker daemon/.test(said)) throw new Error(said);
      return said;
    },
    async read(name, folder) {
      const archive = join(folder, 'image.tar');
      await docker.ok(['save', '-o', archive, name]);
      return readSavedImage(archive, folder);
    },
  };
}

/** The sentence of a failed build, without what is another every time. */
function lastWords(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  const said = lines.findLast((line) => /failed to solve|^ERROR/.test(line)) ?? lines.at(-1) ?? '';
  return said
    .replace(/^.*?failed to solve(?: with frontend \S+)?: /, '')
    .replace(/\b(?:[-0-9a-f]{36}::)?[a-z0-9]{25}\b/g, '…')
    .replace(/\/\S*\/(?:merged|cachemounts\/buildkit\d+)\//g, '/');
}
