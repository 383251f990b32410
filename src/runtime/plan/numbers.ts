import type { NamespaceType } from '../../oci/runtime-spec.ts';
import type { MountAttribute, Propagation, SetupOpKind } from './ops.ts';

/** The kernel's numbers behind the plan's words; the same on x86_64 and arm64. */

/** Of native/launcher_wire.h. */
export const opCodes: Readonly<Record<SetupOpKind, number>> = {
  cleanup: 1,
  'device-program': 2,
  'oom-score': 3,
  clone: 4,
  'leave-rest': 5,
  'reap-rest': 6,
  'id-map': 7,
  'join-cgroup': 16,
  unshare: 17,
  propagation: 18,
  'root-overlay': 19,
  'root-bind': 20,
  mount: 21,
  bind: 22,
  overlay: 23,
  directory: 24,
  device: 25,
  symlink: 26,
  mask: 27,
  'readonly-path': 28,
  'readonly-root': 29,
  terminal: 30,
  pivot: 31,
  hostname: 32,
  domainname: 33,
  loopback: 34,
  sysctl: 35,
  keyring: 36,
  rlimit: 37,
  cwd: 38,
  bounding: 39,
  user: 40,
  umask: 41,
  'no-new-privileges': 42,
  seccomp: 43,
  capabilities: 44,
  exec: 45,
  'nodev-root': 46,
  stdio: 47,
  enter: 48,
  init: 49,
  label: 50,
  'root-folder': 51,
  chroot: 52,
  'hook-point': 53,
  hook: 54,
  'start-hook': 55,
};

/** CLONE_NEW… of linux/sched.h. */
export const namespaceFlags: Readonly<Record<NamespaceType, number>> = {
  time: 0x80,
  mount: 0x20000,
  cgroup: 0x2000000,
  uts: 0x4000000,
  ipc: 0x8000000,
  user: 0x10000000,
  pid: 0x20000000,
  network: 0x40000000,
};

/** MOUNT_ATTR_… of linux/mount.h. */
export const mountAttributes: Readonly<Record<MountAttribute, number>> = {
  ro: 0x1,
  nosuid: 0x2,
  nodev: 0x4,
  noexec: 0x8,
  relatime: 0,
  noatime: 0x10,
  strictatime: 0x20,
  nodiratime: 0x80,
  nosymfollow: 0x200000,
};

/** MOUNT_ATTR__ATIME: the access time is one choice of three, and must be cleared as a whole to be changed. */
export const accessTimeMask = 0x70;
export const accessTimes: ReadonlySet<MountAttribute> = new Set(['relatime', 'noatime', 'strictatime']);

/** MS_… of linux/mount.h; 0x4000 is MS_REC. */
export const propagationFlags: Readonly<Record<Propagation, number>> = {
  unbindable: 1 << 17,
  runbindable: (1 << 17) | 0x4000,
  private: 1 << 18,
  rprivate: (1 << 18) | 0x4000,
  slave: 1 << 19,
  rslave: (1 << 19) | 0x4000,
  shared: 1 << 20,
  rshared: (1 << 20) | 0x4000,
};

/** S_IF… of the node types. */
export const nodeTypes: Readonly<Record<'c' | 'b' | 'p', number>> = { c: 0o020000, b: 0o060000, p: 0o010000 };

/** RLIMIT_… of asm-generic/resource.h. */
export const rlimits: Readonly<Record<string, number>> = {
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE: 1,
  RLIMIT_DATA: 2,
  RLIMIT_STACK: 3,
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_LOCKS: 10,
  RLIMIT_SIGPENDING: 11,
  RLIMIT_MSGQUEUE: 12,
  RLIMIT_NICE: 13,
  RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
};

/** CAP_… of linux/capability.h, by bit. */
export const capabilityNames: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
];

/** The bit mask of these names; a name the kernel does not have yet gives nothing (runtime-spec config.md). */
export function capabilityMask(names: readonly string[]): bigint {
  let mask = 0n;
  for (const name of names) {
    const bit = capabilityNames.indexOf(name);
    if (bit >= 0) mask |= 1n << BigInt(bit);
  }
  return mask;
}

/** The names of a mask such as CapPrm of /proc/self/status, which is hexadecimal. */
export function capabilitiesOfMask(mask: bigint): string[] {
  return capabilityNames.filter((_, bit) => ((mask >> BigInt(bit)) & 1n) === 1n);
}
