import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';

import { TsbuildError } from '../../core/index.ts';
import type { Image } from '../../image/index.ts';
import type { MountConfig } from '../../oci/runtime-spec.ts';
import { containerConfig, effectiveArgs, resolveUser, type ContainerSpec } from '../../runtime/index.ts';
import type { Snapshot } from '../../snapshot/index.ts';
import { ImageOp, type ImageServices } from '../image.ts';
import type { RunLimits } from '../types.ts';
import { writeHostFiles } from './host-files.ts';
import { lifeOptionsOf, type LifeChoices } from './life-options.ts';
import { randomName } from './names.ts';
import { containerFolder, deleteContainer, nameContainer, refuseTakenName } from './records.ts';
import { signalNumber } from './signals.ts';
import { sweepContainers } from './sweep.ts';
import type { ContainerRecord } from './types.ts';
import { ensureSources } from './volumes.ts';
import { makeWritable } from './writable.ts';

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
  readonly network: 'host' | 'none';
  readonly mounts: readonly MountConfig[];
  readonly readonlyRootfs: boolean;
  readonly limits: RunLimits;
  readonly stdio: ContainerSpec['stdio'];
  readonly stdin?: ContainerSpec['stdin'];
  readonly autoRemove: boolean;
  /** Instead of the image's. */
  readonly stopSignal?: number | undefined;
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
  await sweepContainers(store);
  // Before the long work of unpacking; the last word is spoken when the record is written.
  refuseTakenName(store, name);
  const snapshot = await unpack(services, options);
  ensureSources(options.mounts);

  const id = randomBytes(32).toString('hex');
  // A folder without a record that nobody holds is swept away as the rest of a killed process.
  await using _lock = await store.lock(`container-${id}`);
  try {
    const record = await makeRecord(services, { id, name, options, snapshot });
    await nameContainer(store, record);
    return record;
  } catch (error) {
    deleteContainer(store, id);
    throw error;
  }
}

function checkNames(name: string, hostname: string | undefined): void {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,127}$/.test(name)) {
    throw new TsbuildError('USAGE', `invalid container name: ${JSON.stringify(name)}`, {
      hint: 'letters, digits, _ . and -, at least two',
    });
  }
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
  readonly snapshot: Snapshot | undefined;
}

async function makeRecord(services: ImageServices, parts: ContainerParts): Promise<ContainerRecord> {
  const { id, name, options, snapshot } = parts;
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
    ...lifeOptionsOf(options, defaults.Healthcheck),
    chain: snapshot?.chain ?? [],
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
  });
  return state.snapshot;
}

async function containerSpec(
  services: ImageServices,
  { id, options, snapshot }: ContainerParts,
  args: readonly string[],
): Promise<ContainerSpec> {
  const folder = containerFolder(services.store, id);
  const hostname = options.hostname ?? id.slice(0, 12);
  const defaults = options.image.config.config ?? {};
  await using view = await services.snapshotter.view(snapshot);
  const { upper, work } = makeWritable(folder, view.root);
  const config = containerConfig({
    purpose: 'run',
    image: defaults,
    args,
    env: options.env,
    cwd: options.cwd,
    user: resolveUser(view.root, options.user ?? defaults.User ?? ''),
    terminal: options.stdio === 'terminal',
    hostname,
    network: options.network,
    processors: availableParallelism(),
    files: writeHostFiles(folder, hostname),
    mounts: options.mounts,
    readonlyRootfs: options.readonlyRootfs,
    limits: options.limits.resources,
    ulimits: options.limits.rlimits,
    shmSize: options.limits.shmSize,
  });
  const lowers = services.snapshotter.lowers(snapshot);
  return {
    id,
    config,
    rootfs: { kind: 'overlay', overlay: { lowers, upper, work }, volatile: false },
    stdio: options.stdio,
    stdin: options.stdin,
    createCwd: true,
  };
}
