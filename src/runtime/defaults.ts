import type {
  CapabilitySets,
  DeviceConfig,
  DeviceRule,
  LinuxConfig,
  MountConfig,
  NamespaceType,
} from '../oci/runtime-spec.ts';

/**
 * What a container gets when nobody asks for anything else: the values that Docker and BuildKit give, in the runtime
 * spec's own words, so that the same program meets the same machine here and there.
 */

/** The fourteen capabilities of Docker's default set. */
export const defaultCapabilityNames: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
];

/**
 * The five sets for these capabilities. Inheritable and ambient stay empty: with inheritable ones a program of another
 * user would gain them through file capabilities (CVE-2022-29162 and its kin).
 */
export function capabilitySets(names: readonly string[]): CapabilitySets {
  return { bounding: names, effective: names, permitted: names, inheritable: [], ambient: [] };
}

export const defaultNamespaces: readonly NamespaceType[] = [
  'mount',
  'network',
  'uts',
  'pid',
  'ipc',
  'cgroup',
];

/** `/dev/shm` as Docker sizes it. */
export const defaultShmSize = 64 * 1024 * 1024;

/** The mounts of every container, in mounting order. */
export const defaultMounts: readonly MountConfig[] = [
  { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  {
    destination: '/dev',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
  },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
  },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
  {
    destination: '/sys/fs/cgroup',
    type: 'cgroup',
    source: 'cgroup',
    options: ['ro', 'nosuid', 'noexec', 'nodev'],
  },
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
  {
    destination: '/dev/shm',
    type: 'tmpfs',
    source: 'shm',
    options: ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${defaultShmSize}`],
  },
];

/** What tells or changes something of the host. Paths that do not exist are skipped. */
export const defaultMaskedPaths: readonly string[] = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
];

/** To add to the masked paths: the counters of each processor leak what the neighbours do. */
export function thermalThrottlePaths(processors: number): string[] {
  return Array.from({ length: processors }, (_, cpu) => `/sys/devices/system/cpu/cpu${cpu}/thermal_throttle`);
}

export const defaultReadonlyPaths: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
];

/** The device nodes of `/dev`; the runtime adds console, ptmx and the links fd, stdin, stdout, stderr and core. */
export const defaultDevices: readonly DeviceConfig[] = [
  character('/dev/null', 1, 3),
  character('/dev/zero', 1, 5),
  character('/dev/full', 1, 7),
  character('/dev/random', 1, 8),
  character('/dev/urandom', 1, 9),
  character('/dev/tty', 5, 0),
];

/** Deny all, then: make any node (a file system may hold them), use the default ones and terminals. */
export const defaultDeviceRules: readonly DeviceRule[] = [
  { allow: false, access: 'rwm' },
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  ...[
    [1, 3],
    [1, 5],
    [1, 7],
    [1, 8],
    [1, 9],
    [5, 0],
    [5, 1],
    [5, 2],
  ].map(([major, minor]): DeviceRule => ({ allow: true, type: 'c', major, minor, access: 'rwm' })),
  { allow: true, type: 'c', major: 136, access: 'rwm' },
];

/**
 * For a network that is the container's own, as Docker has it: every user may ping. The kernel refuses a range of groups
 * that the user namespace does not have; there it is left out.
 */
export const pingSysctl = { 'net.ipv4.ping_group_range': '0 2147483647' } as const;

/** For the same: every user may listen on the ports below 1024. */
export const portSysctl = { 'net.ipv4.ip_unprivileged_port_start': '0' } as const;

/** The `linux` part of a container's configuration with nothing asked for; spread it and change what is wanted. */
export const defaultLinux: LinuxConfig = {
  namespaces: defaultNamespaces.map((type) => ({ type })),
  devices: defaultDevices,
  resources: { devices: defaultDeviceRules },
  maskedPaths: defaultMaskedPaths,
  readonlyPaths: defaultReadonlyPaths,
  rootfsPropagation: 'private',
};

function character(path: string, major: number, minor: number): DeviceConfig {
  return { path, type: 'c', major, minor, fileMode: 0o666, uid: 0, gid: 0 };
}
