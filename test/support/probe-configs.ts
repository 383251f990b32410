import type {
  CapabilitySets,
  LinuxConfig,
  MountConfig,
  ProcessConfig,
  RuntimeConfig,
} from '../../src/oci/runtime-spec.ts';
import {
  containerConfig,
  defaultDeviceRules,
  defaultDevices,
  type ContainerRequest,
} from '../../src/runtime/index.ts';
import { ownCapabilities } from '../../src/runtime/own-capabilities.ts';

/** Looked at in every container; see probe.c. */
export const probedPaths: readonly string[] = [
  ...['/', '/etc', '/tmp', '/work', '/mnt/a', '/mnt/b', '/mnt/c', '/etc/hostname', '/etc/hosts', '/link'],
  ...[
    '/dev',
    '/dev/null',
    '/dev/zero',
    '/dev/full',
    '/dev/random',
    '/dev/urandom',
    '/dev/tty',
    '/dev/console',
  ],
  ...[
    '/dev/ptmx',
    '/dev/fd',
    '/dev/stdin',
    '/dev/stdout',
    '/dev/stderr',
    '/dev/shm',
    '/dev/mqueue',
    '/dev/pts',
  ],
  ...['/dev/pts/0', '/dev/pts/ptmx', '/dev/fifo', '/dev/loop-control', '/dev/kmsg', '/dev/vda', '/dev/fuse'],
  ...['/proc/acpi', '/proc/asound', '/proc/interrupts', '/proc/kcore', '/proc/keys', '/proc/latency_stats'],
  ...['/proc/sched_debug', '/proc/scsi', '/proc/timer_list', '/proc/timer_stats', '/sys/firmware'],
  ...['/sys/devices/virtual/powercap', '/sys/devices/system/cpu/cpu0/thermal_throttle'],
  ...['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger', '/proc/sys/kernel/hostname'],
  ...['/proc/sys/kernel/msgmax', '/proc/sys/net/ipv4/ip_forward', '/proc/sys/kernel/core_pattern'],
  ...['/proc/1/mem', '/proc/self/mem', '/proc/self/environ', '/proc/kmsg', '/sys/kernel', '/sys/fs/cgroup'],
  ...['memory/memory.limit_in_bytes', 'pids/pids.max', 'cpu/cpu.shares', 'cpu/cpu.cfs_quota_us']
    .concat('memory/cgroup.procs', 'devices/devices.allow', 'devices/devices.list', 'freezer/tasks')
    .map((file) => `/sys/fs/cgroup/${file}`),
];

export interface ProbeConfig {
  readonly name: string;
  /** Of the request that the config is made of. */
  readonly request?: Partial<ContainerRequest>;
  /** What no request asks for. */
  readonly process?: Partial<ProcessConfig>;
  readonly linux?: Partial<LinuxConfig>;
  readonly mounts?: readonly MountConfig[];
  /** Namespaces that are the host's. */
  readonly shared?: readonly string[];
}

const user = { uid: 1000, gid: 1001, additionalGids: [1001, 10, 20], home: '/home/ada' };
const everyId = [{ containerID: 0, hostID: 0, size: 65536 }];

function tmpfs(destination: string, ...options: readonly string[]): MountConfig {
  return { destination, type: 'tmpfs', source: 'tmpfs', options };
}

function allOf(names: readonly string[]): CapabilitySets {
  return { bounding: names, effective: names, permitted: names, inheritable: names, ambient: names };
}

/** The source of the binds of a config: given when it is made. */
export const bindSource = 'SOURCE';

function bind(destination: string, ...options: readonly string[]): MountConfig {
  return { destination, type: 'bind', source: bindSource, options };
}

export const probeConfigs: readonly ProbeConfig[] = [
  { name: 'a container with nothing asked for' },
  { name: 'a RUN step', request: { purpose: 'build', network: 'host', hostname: 'buildkitsandbox' } },
  { name: 'a user with groups', request: { user } },
  { name: 'a user without groups', request: { user: { ...user, additionalGids: [] } } },
  {
    name: 'more capabilities',
    request: {
      capabilities: ['CAP_SYS_ADMIN', 'CAP_NET_ADMIN', 'CAP_SYS_PTRACE', 'CAP_SYS_NICE', 'CAP_BPF'],
    },
  },
  { name: 'no capabilities', request: { capabilities: [] } },
  {
    name: 'inheritable and ambient capabilities of a user',
    request: { user },
    process: {
      capabilities: {
        bounding: ['CAP_NET_BIND_SERVICE', 'CAP_CHOWN', 'CAP_KILL'],
        permitted: ['CAP_NET_BIND_SERVICE', 'CAP_CHOWN'],
        effective: ['CAP_NET_BIND_SERVICE'],
        inheritable: ['CAP_NET_BIND_SERVICE', 'CAP_CHOWN'],
        ambient: ['CAP_NET_BIND_SERVICE'],
      },
    },
  },
  { name: 'no new privileges', request: { noNewPrivileges: true, user } },
  { name: 'a read-only root', request: { readonlyRootfs: true } },
  {
    name: 'masks of its own',
    linux: {
      maskedPaths: ['/etc/hostname', '/mnt/a', '/no/such', '/proc/keys'],
      readonlyPaths: ['/mnt', '/etc/hosts'],
    },
  },
  {
    name: 'bind mounts with flags',
    mounts: [
      bind('/mnt/a', 'rbind', 'ro', 'nosuid', 'nodev', 'noexec'),
      bind('/mnt/b', 'bind', 'noatime', 'rw', 'rslave'),
      bind('/mnt/c', 'rbind', 'rprivate', 'strictatime', 'nodiratime'),
      bind('/link', 'rbind', 'ro'),
    ],
  },
  {
    name: 'file systems in memory with flags',
    mounts: [
      tmpfs('/mnt/a', 'size=1m', 'mode=1777', 'nosuid', 'nodev', 'noexec'),
      tmpfs('/mnt/b', 'ro', 'noatime', 'uid=5', 'gid=6', 'mode=750', 'nr_inodes=100'),
      tmpfs('/tmp', 'rprivate'),
    ],
  },
  {
    name: 'limits of processes',
    request: {
      ulimits: [
        { type: 'RLIMIT_NOFILE', soft: 100, hard: 200 },
        { type: 'RLIMIT_CORE', soft: 0, hard: -1 },
        { type: 'RLIMIT_STACK', soft: 1 << 20, hard: 1 << 24 },
        { type: 'RLIMIT_NPROC', soft: 50, hard: 60 },
      ],
    },
  },
  {
    name: 'limits of the cgroup',
    request: {
      limits: {
        memory: { limit: 64 << 20 },
        pids: { limit: 33 },
        cpu: { shares: 512, quota: 50_000, period: 100_000 },
      },
    },
  },
  { name: 'kernel parameters', linux: { sysctl: { 'net.ipv4.ip_forward': '1', 'kernel.msgmax': '4096' } } },
  {
    name: 'a filter of its own',
    request: {
      seccomp: {
        defaultAction: 'SCMP_ACT_ALLOW',
        architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
        syscalls: [
          { names: ['getcpu', 'syslog'], action: 'SCMP_ACT_ERRNO', errnoRet: 99 },
          { names: ['chroot'], action: 'SCMP_ACT_ERRNO' },
          { names: ['setpriority'], action: 'SCMP_ACT_KILL_PROCESS' },
          { names: ['mount', 'umount2'], action: 'SCMP_ACT_KILL' },
          { names: ['ptrace'], action: 'SCMP_ACT_TRAP' },
          { names: ['bpf'], action: 'SCMP_ACT_LOG' },
          {
            names: ['socket'],
            action: 'SCMP_ACT_ERRNO',
            errnoRet: 77,
            args: [{ index: 0, value: 38, op: 'SCMP_CMP_EQ' }],
          },
          {
            names: ['personality'],
            action: 'SCMP_ACT_ERRNO',
            errnoRet: 55,
            args: [{ index: 0, value: 0x40000, valueTwo: 0x40000, op: 'SCMP_CMP_MASKED_EQ' }],
          },
        ],
      },
    },
  },
  { name: 'no filter', request: { seccomp: 'unconfined' } },
  { name: 'a terminal', request: { terminal: true, consoleSize: { height: 33, width: 101 } } },
  {
    name: 'a terminal of a user',
    request: { terminal: true, consoleSize: { height: 33, width: 101 }, user },
  },
  { name: 'a score of the OOM killer', request: { oomScoreAdj: 321 } },
  { name: 'a umask', process: { user: { uid: 0, gid: 0, umask: 0o027 } } },
  { name: 'a working directory', request: { cwd: '/work' } },
  {
    name: 'odd variables',
    request: { env: ['A=1=2', 'B=', 'TAB=a\tb', 'PATH=/nowhere', 'A=3', 'ünï=ç'] },
  },
  {
    name: 'nothing withheld',
    request: { insecure: { loopDevices: 1 } },
    // runc lets no device open that no rule allows; here all do then.
    linux: { resources: { devices: [{ allow: true, access: 'rwm' }] } },
    process: { capabilities: allOf(ownCapabilities()) },
  },
  { name: 'the host’s processes, names and queues', shared: ['pid', 'uts', 'ipc'] },
  { name: 'the host’s cgroup namespace', shared: ['cgroup'] },
  { name: 'a user namespace', request: { idMappings: { uids: everyId, gids: everyId } } },
  {
    name: 'devices',
    linux: {
      devices: [
        { path: '/dev/fifo', type: 'p', major: 0, minor: 0, fileMode: 0o640, uid: 7, gid: 8 },
        { path: '/dev/zero', type: 'c', major: 1, minor: 5, fileMode: 0o600, uid: 7, gid: 8 },
        ...defaultDevices.filter(({ path }) => path !== '/dev/zero'),
        { path: '/dev/kmsg', type: 'c', major: 1, minor: 11 },
      ],
      resources: {
        devices: [...defaultDeviceRules, { allow: true, type: 'c', major: 1, minor: 11, access: 'r' }],
      },
    },
  },
  ...['shared', 'rshared', 'slave', 'rslave', 'private'].map((rootfsPropagation) => ({
    name: `a root that is ${rootfsPropagation}`,
    linux: { rootfsPropagation },
  })),
];

/** The config, with the probe as its process. */
export function probeConfig(
  { request, process, linux, mounts = [], shared = [] }: ProbeConfig,
  source: string,
): RuntimeConfig {
  const base = containerConfig({
    purpose: 'run',
    args: ['/probe', ...probedPaths],
    user: { uid: 0, gid: 0, additionalGids: [0], home: '/root' },
    hostname: 'probe',
    network: 'none',
    processors: 2,
    mounts: mounts.map((mount) => (mount.source === bindSource ? { ...mount, source } : mount)),
    ...request,
  });
  const namespaces = base.linux.namespaces.filter(({ type }) => !shared.includes(type));
  const { hostname, ...rest } = base;
  return {
    ...rest,
    ...(!shared.includes('uts') && { hostname }),
    process: { ...base.process, ...process },
    linux: { ...base.linux, namespaces, ...linux },
  };
}
