import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, constants } from 'node:os';
import { join, resolve } from 'node:path';

import { TsbuildError } from '../../core/index.ts';
import type { Image } from '../../image/index.ts';
import type { MountConfig } from '../../oci/runtime-spec.ts';
import {
  containerConfig,
  effectiveArgs,
  hostHosts,
  resolvConf,
  resolveUser,
  type ContainerSpec,
} from '../../runtime/index.ts';
import type { Snapshot } from '../../snapshot/index.ts';
import type { RunContext } from '../../solver/index.ts';
import { ImageOp, type ImageServices } from '../image.ts';
import type { RunLimits } from '../types.ts';
import { containerFolder, createContainer } from './records.ts';
import { randomName } from './names.ts';
import type { ContainerRecord } from './types.ts';

export interface ContainerOptions {
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
  readonly consoleSize?: { readonly height: number; readonly width: number } | undefined;
  readonly autoRemove: boolean;
}

/** Makes a container of an image: unpacked once for the store, a writable folder of its own, its record written. */
export async function prepareContainer(
  services: ImageServices,
  options: ContainerOptions,
): Promise<ContainerRecord> {
  const { store } = services;
  const id = randomBytes(32).toString('hex');
  const name = options.name ?? randomName();
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) {
    throw new TsbuildError('USAGE', `invalid container name: ${JSON.stringify(name)}`, {
      hint: 'letters, digits, _ . and -, at least two',
    });
  }
  const snapshot = await unpack(services, options);
  const defaults = options.image.config.config ?? {};
  const args = effectiveArgs(defaults, { entrypoint: options.entrypoint, args: options.args });
  const record: ContainerRecord = {
    id,
    name,
    image: { id: options.image.id, name: options.imageName },
    command: args,
    created: new Date().toISOString(),
    autoRemove: options.autoRemove,
    stopSignal: signalNumber(defaults.StopSignal ?? 'SIGTERM'),
    chain: snapshot?.chain ?? [],
    spec: await containerSpec(services, { id, options, args, snapshot }),
  };
  await createContainer(store, record);
  return record;
}

async function unpack(
  services: ImageServices,
  { image, imageName }: ContainerOptions,
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
  const context: RunContext = {
    signal: new AbortController().signal,
    log: () => undefined,
    status: () => undefined,
    warn: () => undefined,
  };
  return (await op.exec([], context)).snapshot;
}

async function containerSpec(
  services: ImageServices,
  parts: {
    readonly id: string;
    readonly options: ContainerOptions;
    readonly args: readonly string[];
    readonly snapshot: Snapshot | undefined;
  },
): Promise<ContainerSpec> {
  const { id, options, args, snapshot } = parts;
  const folder = containerFolder(services.store, id);
  const [upper, work] = [join(folder, 'fs'), join(folder, 'work')];
  for (const path of [folder, upper, work])
    mkdirSync(path, { recursive: true, mode: path === upper ? 0o755 : 0o700 });
  const hostname = options.hostname ?? id.slice(0, 12);
  const defaults = options.image.config.config ?? {};
  await using view = await services.snapshotter.view(snapshot);
  const config = containerConfig({
    purpose: 'run',
    image: defaults,
    args,
    env: options.env,
    cwd: options.cwd,
    user: resolveUser(view.root, options.user ?? defaults.User ?? ''),
    terminal: options.stdio === 'terminal',
    consoleSize: options.consoleSize,
    hostname,
    network: options.network,
    processors: availableParallelism(),
    files: writeFiles(folder, hostname),
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

/** The container's own copies of what Docker, too, writes for it. */
function writeFiles(
  folder: string,
  hostname: string,
): { resolvConf: string; hosts: string; hostname: string } {
  const files = {
    resolvConf: join(folder, 'resolv.conf'),
    hosts: join(folder, 'hosts'),
    hostname: join(folder, 'hostname'),
  };
  writeFileSync(files.resolvConf, resolvConf({ hostText: readHost('/etc/resolv.conf'), network: 'host' }));
  writeFileSync(files.hosts, hostHosts(readHost('/etc/hosts'), [{ address: '127.0.0.1', name: hostname }]));
  writeFileSync(files.hostname, `${hostname}\n`);
  return files;
}

function readHost(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** `-v SRC:DST[:ro]` as a mount. Named volumes have no `/` in front. */
export function parseVolume(text: string): MountConfig {
  const [source, destination, mode = 'rw', ...rest] = text.split(':');
  const valid =
    source !== undefined && source !== '' && destination?.startsWith('/') === true && destination !== '/';
  if (!valid || rest.length > 0 || !['ro', 'rw'].includes(mode)) {
    throw new TsbuildError('USAGE', `-v: invalid value ${JSON.stringify(text)}`, {
      hint: 'expected /host/path:/container/path[:ro]',
    });
  }
  if (!/^[/.~]/.test(source)) {
    throw new TsbuildError('USAGE', `-v: named volumes (${source}) are not supported yet`, {
      hint: `for a folder, write ./${source}:${destination}`,
    });
  }
  const path = resolve(source);
  mkdirMissing(path);
  return {
    destination,
    type: 'bind',
    source: path,
    options: ['rbind', 'rprivate', ...(mode === 'ro' ? ['ro'] : [])],
  };
}

/** As docker does for a source that is not there. */
function mkdirMissing(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    // A file is a source like any other.
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

export function signalNumber(text: string): number {
  const upper = text.toUpperCase();
  const name = (upper.startsWith('SIG') ? upper : `SIG${upper}`) as NodeJS.Signals;
  const number = /^\d+$/.test(text) ? Number(text) : constants.signals[name];
  if (Number.isInteger(number) && number > 0 && number <= 64) return number;
  throw new TsbuildError('USAGE', `invalid signal: ${text}`, {
    hint: 'a name such as SIGTERM, or a number from 1 to 64',
  });
}
