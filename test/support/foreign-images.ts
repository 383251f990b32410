import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startContainerd } from './containerd.ts';
import { makeContext } from './context.ts';
import { imageToolFolders } from './podman.ts';
import { findTool, type Need } from './requires.ts';
import { runOk } from './run-command.ts';
import { dockerEngine } from './shared-engine.ts';
import { tempFolder } from './temp-folder.ts';

/** What another tool makes from nothing of ours: one program, and a file with what it says. */
export interface Publication {
  readonly by: string;
  readonly needs: readonly Need[];
  /** Media type of the manifest, without what all have in common. */
  readonly types: 'oci' | 'docker';
  readonly layers: 'gzip' | 'zstd' | 'none';
  /** Makes the image, and pushes it under a name of a registry without TLS. */
  publish(name: string, says: string): Promise<void>;
}

/** A context whose Dockerfile adds all there is, as one layer. */
function contextThatSays(says: string): string {
  const context = makeContext({
    Dockerfile: 'FROM scratch\nCOPY root /\nCMD ["/bin/busybox", "cat", "/says"]\n',
    'root/says': `${says}\n`,
  });
  mkdirSync(join(context, 'root/bin'));
  copyFileSync(findTool('busybox') ?? '', join(context, 'root/bin/busybox'));
  return context;
}

/** umoci makes an image in a layout; skopeo, which makes none itself, sends it in the form asked for. */
async function byUmociAndSkopeo(name: string, says: string, flags: readonly string[]): Promise<void> {
  const { path } = tempFolder('layout');
  const layout = join(path, 'layout');
  const image = `${layout}:image`;
  const root = join(contextThatSays(says), 'root');
  await runOk(['umoci', 'init', '--layout', layout]);
  await runOk(['umoci', 'new', '--image', image]);
  await runOk(['umoci', 'insert', '--image', image, root, '/']);
  const command = ['/bin/busybox', 'cat', '/says'].map((word) => `--config.cmd=${word}`);
  await runOk(['umoci', 'config', '--image', image, ...command]);
  const copy = ['skopeo', '--insecure-policy', 'copy', '-q', '--dest-tls-verify=false', ...flags];
  await runOk([...copy, `oci:${image}`, `docker://${name}`]);
}

async function byPodman(name: string, says: string, flags: readonly string[]): Promise<void> {
  const { podman } = imageToolFolders(tempFolder('p').path);
  await podman(['build', '-q', '--isolation', 'chroot', '-t', name, contextThatSays(says)]);
  await podman(['push', '-q', '--tls-verify=false', ...flags, name]);
}

async function byBuildah(name: string, says: string): Promise<void> {
  const { buildah } = imageToolFolders(tempFolder('b').path);
  const container = await buildah(['from', '-q', 'scratch']);
  await buildah(['copy', '-q', container, join(contextThatSays(says), 'root'), '/']);
  await buildah(['config', '--cmd', '["/bin/busybox", "cat", "/says"]', container]);
  await buildah(['commit', '-q', container, name]);
  await buildah(['push', '-q', '--tls-verify=false', name]);
}

async function byDocker(name: string, says: string): Promise<void> {
  const docker = await dockerEngine();
  await docker.build(contextThatSays(says), { buildkit: false, tag: name });
  await docker.ok(['push', '-q', name]);
  await docker.ok(['rmi', name]);
}

/** ctr makes no images: it converts one that is there. */
async function byCtr(name: string, says: string): Promise<void> {
  const other = `${name.replace(/:[^:/]*$/, '')}-given:1`;
  await byUmociAndSkopeo(other, says, ['--format', 'v2s2']);
  await using containerd = await startContainerd(join(tempFolder('c').path, 'c'));
  await containerd.ctr(['image', 'pull', '--plain-http', other]);
  await containerd.ctr(['image', 'convert', '--uncompress', '--oci', other, name]);
  await containerd.ctr(['image', 'push', '--plain-http', name]);
}

const umoci: readonly Need[] = ['tool:umoci', 'tool:skopeo'];
const zstd = ['--dest-compress-format', 'zstd', '--dest-compress'];

/** Every tool that publishes images, and every form; skopeo, podman and buildah share what makes Docker's. */
export const publications: readonly Publication[] = [
  {
    by: 'umoci and skopeo',
    needs: umoci,
    types: 'oci',
    layers: 'gzip',
    publish: async (name, says) => byUmociAndSkopeo(name, says, []),
  },
  {
    by: 'umoci and skopeo',
    needs: umoci,
    types: 'oci',
    layers: 'zstd',
    publish: async (name, says) => byUmociAndSkopeo(name, says, zstd),
  },
  {
    by: 'podman',
    needs: ['tool:podman'],
    types: 'docker',
    layers: 'gzip',
    publish: async (name, says) => byPodman(name, says, ['--format', 'v2s2']),
  },
  {
    by: 'podman',
    needs: ['tool:podman'],
    types: 'oci',
    layers: 'zstd',
    publish: async (name, says) => byPodman(name, says, ['--format', 'oci', '--compression-format', 'zstd']),
  },
  {
    by: 'buildah',
    needs: ['tool:buildah'],
    types: 'oci',
    layers: 'gzip',
    publish: byBuildah,
  },
  {
    by: 'docker',
    needs: ['docker'],
    types: 'docker',
    layers: 'gzip',
    publish: byDocker,
  },
  {
    by: 'ctr',
    needs: [...umoci, 'tool:ctr', 'tool:containerd'],
    types: 'oci',
    layers: 'none',
    publish: byCtr,
  },
];
