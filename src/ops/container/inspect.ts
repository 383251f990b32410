import type { Digest, Json } from '../../core/index.ts';
import { TsbuildError } from '../../core/index.ts';
import type { ImageUse } from '../../image/index.ts';
import type { Store } from '../../store/index.ts';
import { containerState, findContainer, listContainers } from './records.ts';

/** The members of `docker inspect` of a container that exist here; undefined when there is no such container. */
export async function inspectContainer(store: Store, name: string): Promise<Json | undefined> {
  const record = listContainers(store).find((candidate) => candidate.name === name) ?? tryFind(store, name);
  if (record === undefined) return undefined;
  const state = await containerState(store, record.id);
  const [path, ...args] = record.command;
  return {
    Id: record.id,
    Created: record.created,
    Path: path ?? '',
    Args: args,
    State: {
      Status: state.status,
      Running: state.status === 'running',
      Pid: state.status === 'running' ? state.pid : 0,
      ExitCode: state.status === 'exited' ? state.exitCode : 0,
      Error: state.status === 'exited' ? (state.error ?? '') : '',
      StartedAt: state.status === 'created' ? '' : (state.started ?? ''),
      FinishedAt: state.status === 'exited' ? state.finished : '',
    },
    Image: record.image.id,
    Name: `/${record.name}`,
    Config: {
      Hostname: record.spec.config.hostname,
      User: `${record.spec.config.process.user.uid}:${record.spec.config.process.user.gid}`,
      Env: record.spec.config.process.env,
      Cmd: record.command,
      Image: record.image.name,
      WorkingDir: record.spec.config.process.cwd,
    },
    HostConfig: { AutoRemove: record.autoRemove },
  };
}

function tryFind(store: Store, name: string): ReturnType<typeof findContainer> | undefined {
  try {
    return findContainer(store, name);
  } catch (error) {
    if (error instanceof TsbuildError && error.code === 'CONTAINER_NOT_FOUND') return undefined;
    throw error;
  }
}

/** Which container keeps an image from being removed; a running one before any other. */
export async function imageUse(store: Store, image: Digest): Promise<ImageUse | undefined> {
  let use: ImageUse | undefined;
  for (const record of listContainers(store).filter((candidate) => candidate.image.id === image)) {
    const { status } = await containerState(store, record.id);
    const found = { by: `container ${record.name} (${status})`, running: status === 'running' };
    if (found.running) return found;
    use ??= found;
  }
  return use;
}
