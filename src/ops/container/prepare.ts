import { availableParallelism } from 'node:os';

import { TsbuildError } from '../../core/index.ts';
import type { Image } from '../../image/index.ts';
import {
  containerConfig,
  deviceEdits,
  deviceSources,
  effectiveArgs,
  resolveGroups,
  resolveUser,
  type ContainerSpec,
  type ResolvedUser,
} from '../../runtime/index.ts';
import type { Snapshot } from '../../snapshot/index.ts';
import type { Store } from '../../store/index.ts';
import type { RootDir } from '../../sys/index.ts';
import { ImageOp, type ImageServices } from '../image.ts';
import type { RunLimits } from '../types.ts';
import { claimMounts, inheritMounts, type ClaimedMounts, type MountRequest } from '../volumes/index.ts';
import { askedOf } from './asked.ts';
import { hooksFor, type HookChoices } from './hooks.ts';
import { writeHostFiles, type FilesNetwork } from './host-files.ts';
import { lifeOptionsOf, type LifeChoices } from './life-options.ts';
import { holdStarting, noteVolumes } from './making.ts';
import { checkContainerName, randomName } from './names.ts';
import { checkNetworkChoices, configuredNetwork, networkRecord } from './network/record.ts';
import type { NetworkChoices, NetworkRecord } from './network/types.ts';
import { containerFolder, deleteContainer, nameContainer, readRecord, refuseTakenName } from './records.ts';
import { securityRequest, type SecurityChoices } from './security.ts';
import { signalNumber } from './signals.ts';
import { sweepContainers } from './sweep.ts';
import type { ContainerRecord } from './types.ts';
import { makeWritable } from './writable.ts';
import { randomHex } from '../../sys/index.ts';

export interface ContainerOptions extends LifeChoices {
  /** As the user wrote it. */
  readonly imageName: string;
  readonly image: Image;
  readonly name?: string | undefined;
  readonly args: readonly string[];
  /** Undefined: the image's; empty: none. */
  readonly entrypoint?: readonly string[] | undefined;
  readonly env: readonly string[];
  readonly cwd?: string | undefined;
  readonly user?: string | undefined;
  readonly hostname?: string | undefined;
  readonly network: NetworkChoices;
  readonly mounts: readonly MountRequest[];
  /** Containers whose mounts it has, too, as `name[:ro]`. */
  readonly volumesFrom?: readonly string[] | undefined;
  /** The defaults unless told. */
  readonly security?: SecurityChoices | undefined;
  /** A reaper is its first process. */
  readonly init?: boolean | undefined;
  readonly oomScoreAdj?: number | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** None unless told. */
  readonly hooks?: HookChoices | undefined;
  readonly readonlyRootfs: boolean;
  readonly limits: RunLimits;
  readonly stdio: ContainerSpec['stdio'];
  readonly stdin?: ContainerSpec['stdin'];
  readonly muted?: ContainerSpec['muted'];
  readonly autoRemove: boolean;
  /** Instead of the image's. */
  readonly stopSignal?: number | undefined;
  /** Of one that is made in order to be started: takes what is to be held until it has been. */
  readonly starting?: DisposableStack | undefined;
  /** Ends the preparation. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes a container of an image: unpacked once for the store, a writable folder of its own, its record written. When
 * that fails, nothing of it is left. Throws CONTAINER_NAME_IN_USE.
 */
export async function prepareContainer(
  services: ImageServices,
  options: ContainerOptions,
): Promise<ContainerRecord> {
  const { store } = services;
  const name = options.name ?? randomName();
  checkNames(name, options.hostname);
  checkNetworkChoices(options.network, {
    hostname: options.hostname,
    sysctls: options.security?.sysctls,
  });
  await sweepContainers(store);
  // Before the long work of unpacking; the last word is spoken when the record is written.
  refuseTakenName(store, name);
  const network = networkRecord(store, options.network, options.image.config.config?.ExposedPorts);
  const snapshot = await unpack(services, options);

  const id = randomHex(32);
  // A folder without a record that nobody holds is swept away as the rest of a killed process.
  await using _lock = await store.lock(`container-${id}`);
  try {
    options.starting?.use(holdStarting(store, id));
    await using view = await services.snapshotter.view(snapshot);
    await using claimed = await claimMounts(store, {
      requests: inheritMounts(store, options.volumesFrom ?? [], options.mounts),
      imageVolumes: Object.keys(options.image.config.config?.Volumes ?? {}),
      root: view.root,
      onAnonymous: (names) => noteVolumes(store, id, names),
    });
    const parts = { id, name, options, network, snapshot, claimed, root: view.root };
    const record = await makeRecord(services, parts);
    await nameContainer(store, record);
    claimed.keep();
    return record;
  } catch (error) {
    deleteContainer(store, id);
    throw error;
  }
}

function checkNames(name: string, hostname: string | undefined): void {
  checkContainerName(name);
  // The kernel takes any 64 bytes, but it is also a line of /etc/hosts.
  if (hostname !== undefined && !/^(?=.{1,64}$)[a-zA-Z0-9_]([a-zA-Z0-9_.-]*[a-zA-Z0-9_])?$/.test(hostname)) {
    throw new TsbuildError('USAGE', `invalid host name: ${JSON.stringify(hostname)}`, {
      hint: 'letters, digits, - and ., at most 64',
    });
  }
}

interface ContainerParts {
  readonly id: string;
  readonly name: string;
  readonly options: ContainerOptions;
  readonly network: NetworkRecord;
  readonly snapshot: Snapshot | undefined;
  readonly claimed: ClaimedMounts;
  /** The image's. */
  readonly root: RootDir;
}

async function makeRecord(services: ImageServices, parts: ContainerParts): Promise<ContainerRecord> {
  const { id, name, options, snapshot, claimed } = parts;
  const defaults = options.image.config.config ?? {};
  const args = effectiveArgs(defaults, { entrypoint: options.entrypoint, args: options.args });
  return {
    id,
    name,
    image: { id: options.image.id, name: options.imageName },
    command: args,
    created: new Date().toISOString(),
    autoRemove: options.autoRemove,
    stopSignal: options.stopSignal ?? signalNumber(defaults.StopSignal ?? 'SIGTERM'),
    ...lifeOptionsOf(options, defaults),
    chain: snapshot?.chain ?? [],
    volumes: claimed.volumes,
    asked: askedOf(options),
    network: parts.network,
    spec: await containerSpec(services, parts, args),
  };
}

async function unpack(
  services: ImageServices,
  { image, imageName, signal }: ContainerOptions,
): Promise<Snapshot | undefined> {
  const { os, architecture, variant } = image.config;
  const base = {
    name: imageName,
    digest: image.digest,
    id: image.id,
    config: image.config,
    layers: image.manifest.layers,
  };
  const op = new ImageOp(base, { os, architecture, variant }, services);
  const state = await op.exec([], {
    signal: signal ?? new AbortController().signal,
    log: () => undefined,
    status: () => undefined,
    warn: () => undefined,
    withoutSlot: (wait) => wait(),
    used: () => undefined,
  });
  return state.snapshot;
}

async function containerSpec(
  services: ImageServices,
  { id, options, network, snapshot, claimed, root }: ContainerParts,
  args: readonly string[],
): Promise<ContainerSpec> {
  const folder = containerFolder(services.store, id);
  const hostname = hostnameOf(services.store, { id, network, asked: options.hostname });
  const { cgroupParent } = options.limits;
  const defaults = options.image.config.config ?? {};
  const { upper, work } = makeWritable(folder, root);
  const user = resolveUser(root, options.user ?? defaults.User ?? '');
  const { security } = options;
  const wanted = (security?.cdiDevices ?? []).map((name) => ({ name, required: true }));
  const edits = await deviceEdits(wanted, undefined, { hooksAllowed: options.hooks?.cdi });
  const secured =
    security === undefined ? undefined : await securityRequest(security, { id, granted: edits.devices });
  const config = containerConfig({
    purpose: 'run',
    image: defaults,
    args,
    env: [...options.env, ...edits.env],
    cwd: options.cwd,
    user: withGroups(user, [...resolveGroups(root, security?.groups ?? []), ...edits.additionalGids]),
    terminal: options.stdio === 'terminal',
    hostname,
    network: configuredNetwork(network),
    processors: availableParallelism(),
    files: writeHostFiles(folder, { ...network, hostname, network: filesNetwork(network) }),
    mounts: [...edits.mounts, ...claimed.mounts],
    oomScoreAdj: options.oomScoreAdj,
    annotations: options.annotations,
    hooks: hooksFor(options.hooks, {
      args,
      annotations: options.annotations,
      mounts: options.mounts,
      ofDevices: edits.hooks,
    }),
    ...secured,
    readonlyRootfs: options.readonlyRootfs,
    limits: options.limits.resources,
    ulimits: options.limits.rlimits,
    shmSize: options.limits.shmSize,
    cgroupsPath: cgroupParent === undefined ? undefined : `${cgroupParent}/${id}`,
  });
  const lowers = services.snapshotter.lowers(snapshot);
  return {
    id,
    config,
    rootfs: { kind: 'overlay', overlay: { lowers, upper, work }, volatile: false },
    stdio: options.stdio,
    stdin: options.stdin,
    muted: options.muted,
    createCwd: true,
    subpaths: claimed.subpaths,
    deviceSources: deviceSources(secured?.devices ?? []),
    init: options.init,
  };
}

/** Who shares a network shares the name in it. */
function hostnameOf(
  store: Store,
  {
    id,
    network: { mode },
    asked,
  }: { readonly id: string; readonly network: NetworkRecord; readonly asked: string | undefined },
): string {
  const other = mode.kind === 'container' ? readRecord(store, mode.id) : undefined;
  return asked ?? other?.spec.config.hostname ?? id.slice(0, 12);
}

/** What is written of another container's network is written when it is joined. */
function filesNetwork({ mode: { kind } }: NetworkRecord): FilesNetwork {
  return { kind: kind === 'container' ? 'none' : kind };
}

function withGroups(user: ResolvedUser, groups: readonly number[]): ResolvedUser {
  return { ...user, additionalGids: [...new Set([...user.additionalGids, ...groups])] };
}
