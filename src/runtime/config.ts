import path from 'node:path';

import { assertNever, TsbuildError } from '../core/index.ts';
import type {
  CapabilitySets,
  DeviceRule,
  HooksConfig,
  IdMapping,
  LinuxConfig,
  MountConfig,
  ProcessConfig,
  ResourceConfig,
  RuntimeConfig,
  SeccompConfig,
} from '../oci/runtime-spec.ts';
import type { ContainerDefaults } from '../oci/types.ts';

import {
  capabilitySets,
  defaultCapabilityNames,
  defaultDeviceRules,
  defaultLinux,
  defaultMounts,
  pingSysctl,
  portSysctl,
  thermalThrottlePaths,
} from './defaults.ts';
import { deviceRules, withDevices, type GrantedDevice } from './devices.ts';
import { containerEnv } from './env.ts';
import { hasHooks } from './hooks/merge.ts';
import { insecureCapabilitySets, insecureDevices, writable, type InsecureOptions } from './insecure.ts';
import type { Rlimit } from './ulimits.ts';
import type { SelinuxLabels } from './selinux.ts';
import { defaultSeccompProfile } from './seccomp/profile.ts';
import type { ResolvedUser } from './user.ts';

/**
 * `host` shares the host's network; `none` has a loopback device only. `namespace` is the path of a network namespace
 * that is there; `shared`: it is that of another container, which has set its parameters.
 */
export type ContainerNetwork =
  'host' | 'none' | { readonly namespace: string; readonly shared?: boolean | undefined };

/** Everything that makes one container differ from another. Paths of the host are absolute. */
export interface ContainerRequest {
  /** `build`: a RUN step, whose environment must be the same on every machine. `run`: a container of its own. */
  readonly purpose: 'build' | 'run';
  /** The `config` of the image: its Env and WorkingDir are used. User, Cmd and Entrypoint must be resolved before. */
  readonly image?: ContainerDefaults | undefined;
  /** See `effectiveArgs`. */
  readonly args: readonly string[];
  /** `key=value` over the image's; a key without `=` is removed. */
  readonly env?: readonly string[] | undefined;
  /** Over the image's WorkingDir. */
  readonly cwd?: string | undefined;
  readonly user: ResolvedUser;
  readonly terminal?: boolean | undefined;
  readonly consoleSize?: { readonly height: number; readonly width: number } | undefined;
  readonly hostname: string;
  readonly network: ContainerNetwork;
  /** Number of processors of the host, for the masks of their counters. */
  readonly processors: number;
  /** Files of the host that are bound read-only over the image's. */
  readonly files?: {
    readonly resolvConf?: string | undefined;
    readonly hosts?: string | undefined;
    readonly hostname?: string | undefined;
  };
  readonly mounts?: readonly MountConfig[] | undefined;
  readonly readonlyRootfs?: boolean | undefined;
  readonly limits?: ResourceConfig | undefined;
  readonly ulimits?: readonly Rlimit[] | undefined;
  /** Bytes; 64 MiB unless told. */
  readonly shmSize?: number | undefined;
  /** `CAP_…` names; Docker's fourteen unless told. */
  readonly capabilities?: readonly string[] | undefined;
  /** Docker's default profile for these capabilities unless told. */
  readonly seccomp?: SeccompConfig | 'unconfined' | undefined;
  readonly noNewPrivileges?: boolean | undefined;
  /** Every device may be used, and sysfs and the cgroup tree be written to. */
  readonly privileged?: boolean | undefined;
  /** Nothing of /proc and /sys is masked or read-only. */
  readonly openSystemPaths?: boolean | undefined;
  /** Masked beside those. */
  readonly mask?: readonly string[] | undefined;
  /** Patterns of those that are not, or `ALL`. */
  readonly unmask?: readonly string[] | undefined;
  /** After the default ones. */
  readonly deviceRules?: readonly DeviceRule[] | undefined;
  readonly sysctls?: Readonly<Record<string, string>> | undefined;
  /** Namespaces that stay the machine's own. */
  readonly sharedNamespaces?: readonly ('ipc' | 'pid' | 'uts' | 'cgroup')[] | undefined;
  readonly apparmorProfile?: string | undefined;
  readonly selinux?: SelinuxLabels | undefined;
  /** Nothing is withheld that the builder has (see insecure.ts); capabilities and seccomp are then not asked for. */
  readonly insecure?: InsecureOptions | undefined;
  /** Beside the default ones; one at the same path takes its place. */
  readonly devices?: readonly GrantedDevice[] | undefined;
  readonly oomScoreAdj?: number | undefined;
  readonly idMappings?:
    { readonly uids: readonly IdMapping[]; readonly gids: readonly IdMapping[] } | undefined;
  readonly cgroupsPath?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** Programs of the host that run on its way; never from an image. */
  readonly hooks?: HooksConfig | undefined;
  /** `root.path` of the printed bundle. */
  readonly rootPath?: string | undefined;
}

/** The runtime-spec config of a container. Pure: the same request gives the same config on every machine. */
export function containerConfig(request: ContainerRequest): RuntimeConfig {
  const { insecure } = request;
  const capabilities = request.capabilities ?? defaultCapabilityNames;
  const sets = insecure === undefined ? capabilitySets(capabilities) : insecureCapabilitySets;
  return {
    ociVersion: '1.2.0',
    process: processConfig(request, sets),
    root: { path: request.rootPath ?? 'rootfs', readonly: request.readonlyRootfs ?? false },
    ...(request.sharedNamespaces?.includes('uts') !== true && { hostname: request.hostname }),
    mounts: containerMounts(request),
    ...(request.annotations !== undefined && { annotations: request.annotations }),
    ...(hasHooks(request.hooks) && { hooks: request.hooks }),
    linux: insecure === undefined ? linuxConfig(request, capabilities) : insecureLinux(request, insecure),
  };
}

function processConfig(request: ContainerRequest, capabilities: CapabilitySets): ProcessConfig {
  const { user, terminal = false, consoleSize, oomScoreAdj, ulimits = [] } = request;
  const env = containerEnv({
    env: [...(request.image?.Env ?? []), ...(request.env ?? [])],
    home: user.home,
    terminal,
    hostname: request.purpose === 'run' ? request.hostname : undefined,
  });
  const cwd = path.posix.resolve('/', request.cwd ?? request.image?.WorkingDir ?? '/');
  refuseNul({ command: request.args, environment: env, 'working directory': [cwd] });
  return {
    terminal,
    ...(terminal && consoleSize !== undefined && { consoleSize }),
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args: request.args,
    env,
    cwd,
    capabilities,
    ...(ulimits.length > 0 && { rlimits: ulimits }),
    noNewPrivileges: request.noNewPrivileges ?? false,
    ...(oomScoreAdj !== undefined && { oomScoreAdj }),
    ...(request.apparmorProfile !== undefined && { apparmorProfile: request.apparmorProfile }),
    ...(request.selinux !== undefined && { selinuxLabel: request.selinux.process }),
  };
}

function linuxConfig(request: ContainerRequest, capabilities: readonly string[]): LinuxConfig {
  const { seccomp = defaultSeccompProfile(capabilities), devices = [], limits } = request;
  const rules = [...defaultDeviceRules, ...deviceRules(devices), ...(request.deviceRules ?? [])];
  return {
    ...commonLinux(request),
    devices: withDevices(defaultLinux.devices ?? [], devices),
    // Without rules every device opens.
    resources: request.privileged === true ? { ...limits } : { devices: rules, ...limits },
    ...(seccomp !== 'unconfined' && { seccomp }),
    ...systemPaths(request),
  };
}

function systemPaths(request: ContainerRequest): Pick<LinuxConfig, 'maskedPaths' | 'readonlyPaths'> {
  const { mask = [], unmask = [] } = request;
  if (request.openSystemPaths === true) return { maskedPaths: mask, readonlyPaths: [] };
  const masked = [...(defaultLinux.maskedPaths ?? []), ...thermalThrottlePaths(request.processors)];
  const stays = (each: string): boolean => !unmask.some((pattern) => isUnmasked(each, pattern));
  return {
    maskedPaths: [...masked.filter(stays), ...mask],
    readonlyPaths: (defaultLinux.readonlyPaths ?? []).filter(stays),
  };
}

/** As podman compares them: a whole path, in which `*` stands for anything but a slash. */
function isUnmasked(each: string, pattern: string): boolean {
  const words = pattern.split('*').map((word) => word.replaceAll(/[\\^$.|?+()[\]{}]/g, '\\$&'));
  return pattern === 'ALL' || new RegExp(`^${words.join('[^/]*')}$`).test(each);
}

/** Without rules every device opens. */
function insecureLinux(request: ContainerRequest, insecure: InsecureOptions): LinuxConfig {
  const own = [...(defaultLinux.devices ?? []), ...insecureDevices(insecure)];
  return {
    ...commonLinux(request),
    devices: withDevices(own, request.devices ?? []),
    resources: { ...request.limits },
    maskedPaths: request.mask ?? [],
    readonlyPaths: [],
  };
}

function commonLinux(request: ContainerRequest): LinuxConfig {
  const { idMappings, cgroupsPath, network } = request;
  const shared: ReadonlySet<string> = new Set(request.sharedNamespaces);
  const path = namespacePath(network);
  const namespaces = defaultLinux.namespaces
    .filter(({ type }) => (type === 'network' ? network !== 'host' : !shared.has(type)))
    .map(({ type }) => ({ type, ...(type === 'network' && path !== undefined && { path }) }));
  const sysctl = { ...defaultSysctls(request), ...request.sysctls };
  return {
    ...defaultLinux,
    namespaces: idMappings === undefined ? namespaces : [...namespaces, { type: 'user' }],
    ...(idMappings !== undefined && { uidMappings: idMappings.uids, gidMappings: idMappings.gids }),
    ...(cgroupsPath !== undefined && { cgroupsPath }),
    ...(request.selinux !== undefined && { mountLabel: request.selinux.mount }),
    ...(Object.keys(sysctl).length > 0 && { sysctl }),
  };
}

/** Of the namespace to join; undefined for one of the container's own, and where there is none. */
function namespacePath(network: ContainerNetwork): string | undefined {
  if (network === 'host' || network === 'none') return undefined;
  // A mode of another version must not fall back to the host's network.
  if (typeof network === 'string') return assertNever(network);
  return network.namespace;
}

/** Nothing of the host's network is set, nor of another container's. */
function defaultSysctls({ network, idMappings }: ContainerRequest): Readonly<Record<string, string>> {
  if (network === 'host' || (typeof network === 'object' && network.shared === true)) return {};
  return idMappings === undefined ? { ...pingSysctl, ...portSysctl } : portSysctl;
}

function containerMounts(request: ContainerRequest): MountConfig[] {
  const own = [...fileMounts(request.files ?? {}), ...parentsFirst(request.mounts ?? [])];
  const shmSize = request.shmSize;
  const base = defaultMounts
    .filter(({ destination }) => !own.some((mount) => covers(mount.destination, destination)))
    .map((mount) =>
      mount.destination === '/dev/shm' && shmSize !== undefined ? withSize(mount, shmSize) : mount,
    )
    .map((mount) => (isOpen(request) ? writable(mount) : mount));
  return [...base, ...own];
}

function isOpen({ insecure, privileged }: ContainerRequest): boolean {
  return insecure !== undefined || privileged === true;
}

/** Never part of a layer, and never written to: the files belong to the builder. */
function fileMounts(files: NonNullable<ContainerRequest['files']>): MountConfig[] {
  const binds: readonly (readonly [string, string | undefined])[] = [
    ['/etc/resolv.conf', files.resolvConf],
    ['/etc/hosts', files.hosts],
    ['/etc/hostname', files.hostname],
  ];
  return binds.flatMap(([destination, source]) =>
    source === undefined
      ? []
      : [{ destination, type: 'bind', source, options: ['rbind', 'ro', 'nosuid', 'noexec', 'nodev'] }],
  );
}

/** In this order a mount is never hidden by one over its parent, whichever the user named first. */
function parentsFirst(mounts: readonly MountConfig[]): MountConfig[] {
  return mounts.toSorted((a, b) => depth(a.destination) - depth(b.destination));
}

function depth(destination: string): number {
  return path.posix.resolve('/', destination).split('/').filter(Boolean).length;
}

/** Whether a mount there takes the place of the default one: over `/dev` the default `/dev/pts` goes, too. */
function covers(destination: string, other: string): boolean {
  const clean = path.posix.resolve('/', destination);
  return clean === other || (clean !== '/' && other.startsWith(`${clean}/`));
}

function withSize(mount: MountConfig, size: number): MountConfig {
  const others = (mount.options ?? []).filter((option) => !option.startsWith('size='));
  return { ...mount, options: [...others, `size=${size}`] };
}

/** The kernel ends a string at its first NUL: what was checked would not be what runs. */
function refuseNul(values: Readonly<Record<string, readonly string[]>>): void {
  for (const [what, strings] of Object.entries(values)) {
    if (strings.some((text) => text.includes('\0'))) {
      throw new TsbuildError('RUNTIME_SETUP', `the ${what} holds a NUL character`);
    }
  }
}

/**
 * The config as config.json, for runc and its kin. An unlimited rlimit is -1 here and the largest 64-bit number there,
 * which a JavaScript number cannot hold.
 */
export function printConfig(config: RuntimeConfig): string {
  const text = JSON.stringify(config, undefined, 2);
  return text.replaceAll(/("(?:soft|hard)": )-1\b/g, (_, member: string) => `${member}18446744073709551615`);
}
