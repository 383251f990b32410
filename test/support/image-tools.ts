import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startContainerd } from './containerd.ts';
import { imageToolFolders } from './podman.ts';
import { runLayout } from './run-layout.ts';
import { runOk } from './run-command.ts';
import { dockerEngine } from './shared-engine.ts';
import type { Need } from './requires.ts';

/** An image that another tool has taken. */
export interface TakenImage {
  /** Digest of its config. */
  readonly id: string;
  /** Digest of its manifest, where the tool knows of one. */
  readonly digest?: string | undefined;
  /** What it says when it is run. */
  says(): Promise<string>;
}

/** Archives of one image named `name`, as tsbuild saves them. */
export interface SavedImage {
  readonly name: string;
  readonly docker: string;
  readonly oci: string;
}

/** Another tool for images, with a store of its own. */
export interface ImageTool extends AsyncDisposable {
  pull(name: string): Promise<TakenImage>;
  load(saved: SavedImage, format: 'docker' | 'oci'): Promise<TakenImage>;
}

export interface ImageToolKind {
  readonly name: string;
  readonly needs: readonly Need[];
  /** Debian's umoci and docker are too old for it. */
  readonly zstd: boolean;
  /** Archives that it takes. */
  readonly archives: readonly ('docker' | 'oci')[];
  open(folder: string): Promise<ImageTool>;
}

const nothing = async (): Promise<void> => undefined;

/** The id as the manifest has it, by skopeo. */
async function configOf(source: string): Promise<string> {
  const raw = await runOk(['skopeo', 'inspect', '--raw', '--tls-verify=false', source]);
  return (JSON.parse(raw) as { config: { digest: string } }).config.digest;
}

interface DockerImage {
  readonly Id: string;
  readonly RepoDigests: readonly string[];
}

/** The digest under which the registry of a name has the image. */
function digestAmong(repoDigests: readonly string[], name: string): string | undefined {
  const repository = name.replace(/:[^:/]*$/, '');
  return repoDigests.find((one) => one.startsWith(`${repository}@`))?.slice(repository.length + 1);
}

async function openSkopeo(folder: string): Promise<ImageTool> {
  let count = 0;
  const take = async (source: string): Promise<TakenImage> => {
    const layout = join(folder, String((count += 1)));
    await runOk([
      'skopeo',
      '--insecure-policy',
      'copy',
      '--src-tls-verify=false',
      source,
      `oci:${layout}:image`,
    ]);
    const here = `oci:${layout}:image`;
    const digest = await runOk(['skopeo', 'inspect', '--format', '{{.Digest}}', here]);
    // Of the source: skopeo writes another config where an archive of Docker's becomes a layout.
    return { id: await configOf(source), digest, says: () => runLayout(layout, 'image') };
  };
  return {
    pull: (name) => take(`docker://${name}`),
    load: async (saved, format) => {
      const taken = await take(`${format}-archive:${saved[format]}`);
      // The manifest is of its own making.
      return format === 'docker' ? { ...taken, digest: undefined } : taken;
    },
    [Symbol.asyncDispose]: nothing,
  };
}

async function openPodman(folder: string): Promise<ImageTool> {
  const { podman } = imageToolFolders(folder);
  const taken = async (name: string): Promise<TakenImage> => {
    const [{ Id, RepoDigests }] = JSON.parse(await podman(['image', 'inspect', name])) as [DockerImage];
    const digest = digestAmong(RepoDigests, name);
    return { id: `sha256:${Id}`, digest, says: () => podman(['run', '--rm', ...podmanRunFlags, name]) };
  };
  return {
    pull: async (name) => {
      // Of one id it names every manifest that it ever saw under every name.
      await podman(['rmi', '--all', '--force']);
      await podman(['pull', '-q', '--tls-verify=false', name]);
      return taken(name);
    },
    load: async (saved, format) => {
      await podman(['load', '-q', '-i', saved[format]]);
      return { ...(await taken(saved.name)), digest: undefined };
    },
    [Symbol.asyncDispose]: nothing,
  };
}

/** The machine may forbid to raise limits, and the host's network needs nothing to be set up. */
const podmanRunFlags = ['--network', 'host', '--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];

async function openBuildah(folder: string): Promise<ImageTool> {
  const { buildah } = imageToolFolders(folder);
  const take = async (source: string): Promise<TakenImage> => {
    const container = await buildah(['from', '-q', '--tls-verify=false', source]);
    const [id = '', digest] = (
      await buildah(['inspect', '--format', '{{.FromImageID}} {{.FromImageDigest}}', container])
    ).split(' ');
    return {
      ...{ id: `sha256:${id}`, digest: source.includes('archive:') ? undefined : digest },
      // Its own `run` loses what a short command says, now and then.
      says: async () =>
        runOk(['chroot', await buildah(['mount', container]), '/bin/busybox', 'cat', '/says']),
    };
  };
  return {
    pull: take,
    load: async (saved, format) => take(`${format}-archive:${saved[format]}`),
    [Symbol.asyncDispose]: nothing,
  };
}

async function openDocker(): Promise<ImageTool> {
  const docker = await dockerEngine();
  const taken = async (name: string): Promise<TakenImage> => {
    const { Id, RepoDigests } = (await docker.inspect(name)) as unknown as DockerImage;
    const run = ['run', '--rm', '--network', 'host', name];
    return { id: Id, digest: digestAmong(RepoDigests, name), says: () => docker.ok(run) };
  };
  return {
    pull: async (name) => {
      await docker.ok(['pull', '-q', name]);
      return taken(name);
    },
    load: async (saved, format) => {
      await docker.ok(['load', '-q', '-i', saved[format]]);
      return taken(saved.name);
    },
    [Symbol.asyncDispose]: nothing,
  };
}

async function openCtr(folder: string): Promise<ImageTool> {
  const containerd = await startContainerd(join(folder, 'ctr'));
  const ctr = (args: readonly string[]): Promise<string> => containerd.ctr(args);
  let count = 0;
  const taken = async (name: string): Promise<TakenImage> => {
    const row = (await ctr(['image', 'ls', `name==${name}`])).split('\n')[1] ?? '';
    const digest = /sha256:[0-9a-f]{64}/.exec(row)?.[0] ?? '';
    const manifest = JSON.parse(await ctr(['content', 'get', digest])) as { config: { digest: string } };
    return {
      ...{ id: manifest.config.digest, digest },
      says: () => ctr(['run', '--rm', '--net-host', name, `says-${(count += 1)}`]),
    };
  };
  return {
    pull: async (name) => {
      await ctr(['image', 'pull', '--plain-http', name]);
      return taken(name);
    },
    load: async (saved, format) => {
      await ctr(['image', 'import', saved[format]]);
      const full = saved.name.includes('/') ? saved.name : `docker.io/library/${saved.name}`;
      return { ...(await taken(full)), digest: undefined };
    },
    [Symbol.asyncDispose]: () => containerd[Symbol.asyncDispose](),
  };
}

const both = ['docker', 'oci'] as const;

/** Every tool that takes an image in a form of its own. */
export const imageTools: readonly ImageToolKind[] = [
  {
    ...{ name: 'skopeo, umoci and runc', zstd: false, archives: both, open: openSkopeo },
    needs: ['tool:skopeo', 'tool:umoci', 'tool:runc', 'tool:jq'],
  },
  { name: 'podman', zstd: true, archives: both, open: openPodman, needs: ['tool:podman', 'tool:runc'] },
  { name: 'buildah', zstd: true, archives: both, open: openBuildah, needs: ['tool:buildah'] },
  { name: 'docker', zstd: false, archives: ['docker'], open: openDocker, needs: ['docker'] },
  {
    name: 'ctr',
    zstd: true,
    archives: both,
    open: openCtr,
    needs: ['tool:ctr', 'tool:containerd', 'tool:runc'],
  },
];

/** A folder of its own for a tool. */
export async function openTool(kind: ImageToolKind, folder: string): Promise<ImageTool> {
  const own = join(folder, kind.name.slice(0, 6).replace(/\W/g, ''));
  mkdirSync(own, { recursive: true });
  return kind.open(own);
}
