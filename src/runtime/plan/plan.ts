import { TsbuildError } from '../../core/index.ts';
import type { IdMapping, NamespaceType } from '../../oci/runtime-spec.ts';
import { joinFiles } from '../cgroup/place.ts';
import { defaultDevices } from '../defaults.ts';
import type { ContainerSpec } from '../types.ts';
import type { HostFacts } from './host.ts';
import { planHooks, planStartHooks } from './hooks.ts';
import { planLabels } from './labels.ts';
import { planDevices } from './devices.ts';
import { mappedMounts, planMounts } from './mounts.ts';
import type { MountAttribute, Propagation, SetupOp } from './ops.ts';
import { outputOf } from './output.ts';
import { planCwd, planMachine, planPrivileges, planStdio } from './process.ts';

/**
 * The whole set-up of a container, in order. Pure: what the launcher does is decided here, can be printed, and is the
 * same for the same spec on the same kind of machine. Throws RUNTIME_SETUP for a spec that makes no sense.
 */
export function planSetup(spec: ContainerSpec, host: HostFacts): readonly SetupOp[] {
  const { config } = spec;
  const { linux, process } = config;
  if (process.args.length === 0) throw new TsbuildError('RUNTIME_SETUP', 'there is no command to run');
  return [
    ...planHostSide(spec, host),
    planClone(spec),
    ...planCgroup(spec, host),
    ...planLabels(spec, host),
    // Nothing mounted from here on may reach the host.
    { kind: 'propagation', path: '/', propagation: wantsHostMounts(spec) ? 'rslave' : 'rprivate' },
    ...(lacksDeviceRules(spec, host)
      ? planWithoutRules(spec, host)
      : [...planMounts(spec, host), ...planDevices(spec, host)]),
    ...planMachine(spec, host),
    ...planHooks(spec, host),
    planStdio(spec),
    ...(linux.readonlyPaths ?? []).map((path): SetupOp => ({ kind: 'readonly-path', path })),
    ...(linux.maskedPaths ?? []).map((path): SetupOp => ({ kind: 'mask', path })),
    { kind: 'pivot' },
    ...planRootPropagation(linux.rootfsPropagation),
    planCwd(spec),
    ...(config.root.readonly === true ? [{ kind: 'readonly-root' } as const] : []),
    ...planPrivileges(spec, host),
    ...planStartHooks(spec, host),
    ...(spec.init === true ? [{ kind: 'init' } as const] : []),
    { kind: 'exec', args: process.args, env: process.env },
  ];
}

/** A mount that is to show what the host mounts below it later has to be made of one that still hears of it. */
function wantsHostMounts({ config }: ContainerSpec): boolean {
  return config.mounts.some(({ options }) => options?.some((option) => /^r?slave$/.test(option)) === true);
}

function planHostSide(spec: ContainerSpec, { cgroup }: HostFacts): SetupOp[] {
  const unified = cgroup.folders[0]?.path;
  const { oomScoreAdj } = spec.config.process;
  return [
    ...(cgroup.cleanup.length > 0 ? [{ kind: 'cleanup', folders: cgroup.cleanup } as const] : []),
    ...(cgroup.deviceProgram !== undefined && unified !== undefined
      ? [{ kind: 'device-program', folder: unified, program: cgroup.deviceProgram } as const]
      : []),
    ...mappedMounts(spec).map(({ uidMappings = [], gidMappings = [] }): SetupOp => ({
      kind: 'id-map',
      uidMap: idMap(uidMappings),
      gidMap: idMap(gidMappings),
    })),
    ...(oomScoreAdj === undefined ? [] : [{ kind: 'oom-score', value: oomScoreAdj } as const]),
  ];
}

function planClone(spec: ContainerSpec): SetupOp {
  const { namespaces, uidMappings = [], gidMappings = [] } = spec.config.linux;
  const types = namespaces.map(({ type }) => type);
  if (new Set(types).size !== types.length) {
    throw new TsbuildError('RUNTIME_SETUP', 'a namespace is named twice');
  }
  if (!types.includes('mount')) {
    throw new TsbuildError(
      'RUNTIME_SETUP',
      'a container without a mount namespace of its own is not possible',
    );
  }
  return {
    kind: 'clone',
    create: createdNamespaces(spec).filter((type) => type !== 'cgroup'),
    join: namespaces.flatMap(({ type, path }) => (path === undefined ? [] : [{ type, path }])),
    output: outputOf(spec),
    uidMap: idMap(uidMappings),
    gidMap: idMap(gidMappings),
  };
}

/**
 * Rules that no cgroup can hold to, unless the container's own /dev is in it: then the mounts have to. For a user
 * namespace the kernel opens no device node anyway.
 */
function lacksDeviceRules(spec: ContainerSpec, host: HostFacts): boolean {
  const { mounts, linux } = spec.config;
  const rules = linux.resources?.devices ?? [];
  if (host.cgroup.version !== 'none' || host.inUserNamespace || rules.length === 0) return false;
  return mounts.some(({ destination }) => destination === '/dev');
}

/**
 * Root in a container may make a node for the host's disk wherever it can write, in /dev, too: no mount may open nodes,
 * and each default device is a mount of its own. Throws HOST_UNSUPPORTED for others, which are not to be had like that.
 */
function planWithoutRules(spec: ContainerSpec, host: HostFacts): SetupOp[] {
  const given = spec.config.linux.devices?.find(
    ({ path, type }) => type !== 'p' && !defaultDevices.some((device) => device.path === path),
  );
  if (given !== undefined) {
    throw new TsbuildError('HOST_UNSUPPORTED', `the device ${given.path} cannot be given to a container`, {
      hint: 'without writable cgroups nothing can hold it to that device; --privileged gives it all of them',
    });
  }
  return [
    ...planMounts(spec, host).map(withoutNodes),
    { kind: 'nodev-root' },
    ...planDevices(spec, { ...host, inUserNamespace: true }),
  ];
}

/** Of devpts the kernel itself makes the nodes, and nobody else can. */
function withoutNodes(op: SetupOp): SetupOp {
  if (op.kind === 'mount' && op.type !== 'devpts') return { ...op, attributes: withNodev(op.attributes) };
  if (op.kind !== 'bind' && op.kind !== 'overlay') return op;
  const { set, clear, recursiveSet, recursiveClear } = op.changes;
  const other = (word: string): boolean => word !== 'nodev';
  return {
    ...op,
    changes: {
      ...op.changes,
      set: withNodev(set),
      clear: clear.filter(other),
      recursiveSet: withNodev(recursiveSet),
      recursiveClear: recursiveClear.filter(other),
    },
  };
}

function withNodev(attributes: readonly MountAttribute[]): readonly MountAttribute[] {
  return [...new Set([...attributes, 'nodev' as const])];
}

function createdNamespaces(spec: ContainerSpec): NamespaceType[] {
  return spec.config.linux.namespaces.filter(({ path }) => path === undefined).map(({ type }) => type);
}

function idMap(mappings: readonly IdMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join('');
}

/** Joined before the cgroup namespace is made, since that is rooted where its maker is. */
function planCgroup(spec: ContainerSpec, { cgroup }: HostFacts): SetupOp[] {
  const files = joinFiles(cgroup);
  return [
    ...(files.length > 0 ? [{ kind: 'join-cgroup', files } as const] : []),
    ...(createdNamespaces(spec).includes('cgroup')
      ? [{ kind: 'unshare', namespaces: ['cgroup'] } as const]
      : []),
  ];
}

const rootPropagations: Readonly<Record<string, Propagation | undefined>> = {
  private: undefined,
  rprivate: undefined,
  slave: 'slave',
  rslave: 'rslave',
  shared: 'shared',
  rshared: 'rshared',
  unbindable: 'unbindable',
  runbindable: 'runbindable',
};

/** Everything is private already. */
function planRootPropagation(word: string | undefined): SetupOp[] {
  if (word === undefined) return [];
  if (!Object.hasOwn(rootPropagations, word)) {
    throw new TsbuildError('RUNTIME_SETUP', `unknown propagation ${JSON.stringify(word)} of the root`);
  }
  const propagation = rootPropagations[word];
  return propagation === undefined ? [] : [{ kind: 'propagation', path: '/', propagation }];
}
