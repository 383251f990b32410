import { existsSync } from 'node:fs';

import type { Digest, Json } from '../../core/index.ts';
import { TsbuildError } from '../../core/index.ts';
import type { ImageUse } from '../../image/index.ts';
import type { MountConfig, NamespaceType } from '../../oci/runtime-spec.ts';
import type { Store } from '../../store/index.ts';
import { hostConfigOfAsked } from './asked.ts';
import { hostFilesOf } from './host-files.ts';
import { lifeConfigOf, lifeHostConfigOf, stateOf } from './inspect-life.ts';
import { mountsJson } from './inspect-mounts.ts';
import { networkConfigOf, networkHostConfigOf, networkSettingsOf } from './network/inspect.ts';
import { containerFolder, containerState, findContainer, listContainers } from './records.ts';
import type { ContainerRecord } from './types.ts';

/**
 * The members of `docker inspect` of a container that mean something here, under docker's names; undefined when there is
 * no such container.
 */
export async function inspectContainer(store: Store, name: string): Promise<Json | undefined> {
  const record = tryFind(store, name);
  if (record === undefined) return undefined;
  const folder = containerFolder(store, record.id);
  const { spec } = record;
  const { process, hostname } = spec.config;
  const [path, ...args] = record.command;
  const files = hostFilesOf(folder);
  const binds = bindsOf(record, folder);
  const state = await containerState(store, record.id);
  return {
    Id: record.id,
    Created: record.created,
    Path: path ?? '',
    Args: args,
    State: stateOf(state),
    Image: record.image.id,
    ResolvConfPath: files.resolvConf,
    HostnamePath: files.hostname,
    HostsPath: files.hosts,
    LogPath: existsSync(`${folder}/log.jsonl`) ? `${folder}/log.jsonl` : '',
    RestartCount: 'restarts' in state ? (state.restarts ?? 0) : 0,
    Name: `/${record.name}`,
    Driver: 'overlay',
    Platform: 'linux',
    HostConfig: hostConfigOf(record, binds),
    Mounts: mountsJson(store, record, binds),
    Config: {
      Hostname: hostname ?? '',
      User: `${process.user.uid}:${process.user.gid}`,
      AttachStdin: spec.stdin === 'caller',
      Tty: process.terminal ?? false,
      OpenStdin: record.openStdin ?? spec.stdin === 'caller',
      Env: process.env,
      Cmd: record.command,
      Image: record.image.name,
      WorkingDir: process.cwd,
      ...lifeConfigOf(record),
      ...networkConfigOf(record),
    },
    NetworkSettings: networkSettingsOf(record, state),
  };
}

function hostConfigOf(record: ContainerRecord, binds: readonly MountConfig[]): Json {
  const { config } = record.spec;
  const { memory, cpu, pids } = config.linux.resources ?? {};
  const modeOf = (type: NamespaceType): string =>
    config.linux.namespaces.some((namespace) => namespace.type === type) ? 'private' : 'host';
  const shm = config.mounts.find(({ destination }) => destination === '/dev/shm');
  const shmSize = shm?.options?.find((option) => option.startsWith('size='))?.slice('size='.length);
  return {
    Binds: binds.map(
      (mount) => `${mount.source ?? ''}:${mount.destination}${isReadOnly(mount) ? ':ro' : ''}`,
    ),
    AutoRemove: record.autoRemove,
    ...lifeHostConfigOf(record),
    ReadonlyRootfs: config.root.readonly ?? false,
    ...hostConfigOfAsked(record.asked),
    ...networkHostConfigOf(record),
    OomScoreAdj: config.process.oomScoreAdj ?? 0,
    Init: record.spec.init ?? false,
    IpcMode: modeOf('ipc'),
    PidMode: modeOf('pid'),
    UTSMode: modeOf('uts'),
    CgroupnsMode: modeOf('cgroup'),
    MaskedPaths: config.linux.maskedPaths ?? [],
    ReadonlyPaths: config.linux.readonlyPaths ?? [],
    Memory: memory?.limit ?? 0,
    MemorySwap: memory?.swap ?? 0,
    CpuShares: cpu?.shares ?? 0,
    CpuPeriod: cpu?.period ?? 0,
    CpuQuota: cpu?.quota ?? 0,
    CpusetCpus: cpu?.cpus ?? '',
    PidsLimit: pids?.limit ?? null,
    ShmSize: Number(/^\d+$/.test(shmSize ?? '') ? shmSize : 0),
    Ulimits: (config.process.rlimits ?? []).map(({ type, soft, hard }) => ({
      Name: type.replace(/^RLIMIT_/, '').toLowerCase(),
      Hard: hard,
      Soft: soft,
    })),
  };
}

/** Those of `-v`: all binds but the container's own files. */
function bindsOf(record: ContainerRecord, folder: string): readonly MountConfig[] {
  return record.spec.config.mounts.filter(
    ({ type, source }) => type === 'bind' && source?.startsWith(`${folder}/`) !== true,
  );
}

function isReadOnly({ options }: MountConfig): boolean {
  return options?.includes('ro') === true;
}

function tryFind(store: Store, name: string): ContainerRecord | undefined {
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
