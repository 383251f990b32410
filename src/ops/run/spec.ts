import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

import type { RunStep } from '../../graph/index.ts';
import {
  apparmorProfile,
  containerConfig,
  deviceSources,
  mergeHooks,
  type ContainerSpec,
  type DeviceEdits,
  type InsecureOptions,
  type Rlimit,
  type RootfsSource,
} from '../../runtime/index.ts';
import type { ActiveSnapshot, StateSource } from '../../snapshot/index.ts';
import { stepContainerId } from '../after-deaths.ts';
import type { BuildServices, State } from '../types.ts';
import type { RunMounts } from './mounts.ts';
import type { NetworkFiles } from './network-files.ts';
import type { StepConnection } from './networks.ts';
import { hooksOfStep, type GivenToRuns } from './given.ts';
import { givenToStep } from './given-request.ts';
import { stepUser } from './step-user.ts';

let processors: number | undefined;

/** The container of one RUN step. */
export async function runSpec(parts: {
  readonly step: RunStep;
  readonly services: BuildServices;
  readonly parent: State;
  readonly active: ActiveSnapshot;
  readonly mounts: RunMounts;
  readonly devices: DeviceEdits;
  readonly connection: Pick<StepConnection, 'network' | 'files'>;
}): Promise<ContainerSpec> {
  const { step, services, active, mounts, devices, connection } = parts;
  const user = await stepUser(services.snapshotter, parts.parent.snapshot, step.user);
  const id = stepContainerId(services.lease);
  const { cgroupParent } = services.limits;
  const insecure = step.security === 'insecure';
  // A scanner of the build's own has a step, too, and is given nothing.
  const given = step.given === undefined ? undefined : services.given;
  const { groups = [], mounts: volumes = [], ...granted } = await givenToStep(given, { id, parts });
  const config = containerConfig({
    purpose: 'build',
    args: step.argv,
    env: [...step.env, ...step.proxyEnv, ...mounts.env, ...devices.env],
    cwd: step.cwd,
    user: {
      ...user,
      additionalGids: [...new Set([...user.additionalGids, ...groups, ...devices.additionalGids])],
    },
    hostname: step.hostname,
    network: connection.network,
    processors: (processors ??= availableParallelism()),
    files: filesFor(connection.files, given),
    mounts: [...volumes, ...devices.mounts, ...mounts.mounts],
    devices: devices.devices,
    insecure: insecure ? insecureOptions() : undefined,
    apparmorProfile: apparmorProfile({}, { privileged: insecure }),
    hooks: mergeHooks([hooksOfStep(given, step.argv), devices.hooks]),
    ...granted,
    limits: services.limits.resources,
    ulimits: withoutCores(services.limits.rlimits),
    shmSize: services.limits.shmSize,
    cgroupsPath: cgroupParent === undefined ? undefined : `${cgroupParent}/${id}`,
  });
  return {
    id,
    config,
    rootfs: rootfsOf(active.source),
    stdio: 'pipe',
    createCwd: true,
    subpaths: mounts.subpaths,
    deviceSources: deviceSources(granted.devices ?? devices.devices),
    subpathKinds: mounts.subpathKinds,
  };
}

/** What is not bound is as the image has it. */
function filesFor(files: NetworkFiles, given: GivenToRuns | undefined): Partial<NetworkFiles> {
  return {
    ...(given?.withoutResolvConf !== true && { resolvConf: files.resolvConf }),
    ...(given?.withoutHosts !== true && { hosts: files.hosts }),
  };
}

function rootfsOf(source: StateSource): RootfsSource {
  return source.kind === 'overlay' ? { ...source, volatile: true } : { kind: 'bind', path: source.path };
}

/**
 * A program that crashes would leave its memory as a file of the layer, secrets and all (S-62), where the host's
 * core_pattern is a plain name. The hard limit stays as it is: who wants cores says `ulimit -c`, or gives `--ulimit core`.
 */
function withoutCores(rlimits: readonly Rlimit[]): readonly Rlimit[] {
  if (rlimits.some(({ type }) => type === 'RLIMIT_CORE')) return rlimits;
  return [...rlimits, { type: 'RLIMIT_CORE', soft: 0, hard: hardCoreLimit() }];
}

let coreLimit: number | undefined;

/** Of this process, which never changes it. Bytes; -1 is unlimited. */
function hardCoreLimit(): number {
  return (coreLimit ??= readCoreLimit());
}

function readCoreLimit(): number {
  const line = /^Max core file size +\S+ +(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
  return line?.[1] === undefined || line[1] === 'unlimited' ? -1 : Number(line[1]);
}

/** As many nodes as the machine has loop devices, and some that the step may make; BuildKit has seven above the first free one. */
function insecureOptions(): InsecureOptions {
  const loops = readdirSync('/sys/block').flatMap((name) => /^loop(\d{1,3})$/.exec(name)?.[1] ?? []);
  return { loopDevices: Math.max(-1, ...loops.map(Number)) + 1 + 8 };
}
