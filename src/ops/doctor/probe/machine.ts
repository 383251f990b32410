import { arch, freemem, release, totalmem, userInfo } from 'node:os';

import { ownCapabilities } from '../../../runtime/index.ts';
import { kernelCalls, kernelCallState, type KernelCall } from '../../../sys/index.ts';
import type { Facts, MemoryFacts, SeccompFacts, Surroundings, SystemFacts, UserFacts } from '../types.ts';
import { linkOf, numberOf, textOf } from './attempt.ts';

export function userFacts(): UserFacts {
  const status = textOf('/proc/self/status') ?? '';
  return {
    uid: process.geteuid?.() ?? 0,
    name: userName(),
    capabilities: ownCapabilities(),
    inUserNamespace: !/^\s*0\s+0\s+4294967295\s*$/.test(textOf('/proc/self/uid_map') ?? '0 0 4294967295'),
    noNewPrivileges: /^NoNewPrivs:\s*1$/m.test(status),
  };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // No entry in passwd(5): the number names him everywhere.
    return String(process.geteuid?.() ?? 0);
  }
}

export function systemFacts(): SystemFacts {
  const text = textOf('/etc/os-release') ?? textOf('/usr/lib/os-release') ?? '';
  const values = new Map(
    text.split('\n').flatMap((line) => {
      const [, key = '', value = ''] = /^([A-Z_]+)=["']?(.*?)["']?$/.exec(line.trim()) ?? [];
      return key === '' ? [] : [[key, value] as const];
    }),
  );
  const families = `${values.get('ID') ?? ''} ${values.get('ID_LIKE') ?? ''}`
    .split(' ')
    .filter((id) => id !== '');
  return { kernel: release(), architecture: arch(), name: values.get('PRETTY_NAME') ?? 'Linux', families };
}

export function surroundings(): Surroundings {
  const label = textOf('/proc/self/attr/apparmor/current') ?? textOf('/proc/self/attr/current');
  const current = label?.replaceAll('\0', '').trim();
  // The file is one for all security modules: SELinux's labels have colons, AppArmor's the mode in brackets.
  const apparmor =
    current !== undefined && /\((?:enforce|complain|kill|mixed)\)$/.test(current) ? current : undefined;
  const selinux = current !== undefined && /^\w+:\w+:\w+/.test(current) ? current : undefined;
  return { engine: engineOf(), apparmor, selinux };
}

/** Inodes of the first namespaces of a machine (include/linux/proc_ns.h). */
const firstNamespaces = { pid: 0xeffffffc, uts: 0xeffffffe, ipc: 0xefffffff } as const;

/** A container shares some of them at most. Virtual machines made from an image have its files and look like one. */
function hasFirstNamespaces(): boolean {
  return Object.entries(firstNamespaces).every(
    ([name, inode]) => linkOf(`/proc/self/ns/${name}`) === `${name}:[${inode}]`,
  );
}

function engineOf(): Surroundings['engine'] {
  if (hasFirstNamespaces()) return undefined;
  if (process.env['KUBERNETES_SERVICE_HOST'] !== undefined) return 'kubernetes';
  if (textOf('/run/.containerenv') !== undefined) return 'podman';
  if (textOf('/.dockerenv') !== undefined) return 'docker';
  // Set for its first process by whoever starts a container, and kept by systemd for who may not read that.
  const named = /(?:^|\0)container=([^\0]*)/.exec(textOf('/proc/1/environ') ?? '')?.[1];
  const word = named ?? textOf('/run/systemd/container')?.trim();
  if (word === undefined || word === '') return undefined;
  return word === 'docker' || word === 'podman' || word === 'lxc' ? word : 'unknown';
}

export function callFacts(): Facts['calls'] {
  const names = Object.keys(kernelCalls) as KernelCall[];
  return Object.fromEntries(names.map((name) => [name, kernelCallState(name)])) as Facts['calls'];
}

export function seccompFacts(): SeccompFacts {
  const mode = /^Seccomp:\s*(\d)$/m.exec(textOf('/proc/self/status') ?? '')?.[1];
  // Linux 4.14 lists what a filter may answer; where /proc/sys is hidden, the line of the status tells.
  const actions = textOf('/proc/sys/kernel/seccomp/actions_avail')?.split(/\s+/);
  return { available: actions?.includes('errno') ?? mode !== undefined, filtered: mode === '2' };
}

/** A limit of this many bytes or more is none. */
const unlimited = 2 ** 60;

export function memoryFacts(): MemoryFacts {
  const total = totalmem();
  const own = textOf('/proc/self/cgroup') ?? '';
  const v2 = /^0::(\/.*)$/m.exec(own)?.[1] ?? '/';
  const v1 = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(\/.*)$/m.exec(own)?.[1] ?? '/';
  const limits = [
    numberOf(`/sys/fs/cgroup${v2}/memory.max`),
    numberOf('/sys/fs/cgroup/memory.max'),
    numberOf(`/sys/fs/cgroup/memory${v1}/memory.limit_in_bytes`),
    numberOf('/sys/fs/cgroup/memory/memory.limit_in_bytes'),
  ].filter((limit) => limit !== undefined && limit < Math.min(unlimited, total)) as number[];
  const kilobytes = /^MemAvailable:\s*(\d+) kB$/m.exec(textOf('/proc/meminfo') ?? '')?.[1];
  const available = kilobytes === undefined ? freemem() : Number(kilobytes) * 1024;
  return { total, available, limit: limits.length === 0 ? undefined : Math.min(...limits) };
}
