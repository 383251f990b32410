import { kernelCalls, type KernelCall } from '../../src/sys/index.ts';
import type { Facts } from '../../src/ops/index.ts';

/** Facts of a machine, each group with some of its members changed. */
export type FactChanges = {
  readonly [Group in keyof Facts]?: Facts[Group] extends object ? Partial<Facts[Group]> : Facts[Group];
};

const fine = { ok: true } as const;

/** A failure as a probe tells it. */
export function refusal(
  code: string,
  message: string = code,
): { readonly ok: false; readonly code: string; readonly message: string } {
  return { ok: false, code, message };
}

const calls = Object.fromEntries(
  (Object.keys(kernelCalls) as KernelCall[]).map((name) => [name, 'there']),
) as Facts['calls'];

/** Debian 13 as root: everything works. */
const rootsMachine: Facts = {
  user: {
    uid: 0,
    name: 'root',
    capabilities: ['CAP_SYS_ADMIN', 'CAP_SYS_CHROOT', 'CAP_NET_ADMIN'],
    inUserNamespace: false,
    noNewPrivileges: false,
  },
  system: {
    kernel: '6.12.0-1-amd64',
    architecture: 'x64',
    name: 'Debian GNU/Linux 13 (trixie)',
    families: ['debian'],
  },
  surroundings: { engine: undefined, apparmor: undefined, selinux: undefined },
  calls,
  seccomp: { available: true, filtered: false },
  userNamespace: {
    steps: { create: fine, map: fine, overlay: fine, proc: fine, network: fine },
    unprivilegedClone: 1,
    most: 15_000,
    apparmorRestricts: undefined,
    program: '/usr/lib/tsbuild/launcher',
  },
  idMaps: {
    tools: {
      newuidmap: { path: '/usr/bin/newuidmap', privileged: true },
      newgidmap: { path: '/usr/bin/newgidmap', privileged: true },
    },
    uids: 65_536,
    gids: 65_536,
    nextFree: 165_536,
  },
  overlay: { known: true, mounted: fine, singly: true },
  container: { namespaces: fine },
  cgroups: {
    kind: 'v2',
    writable: true,
    controllers: ['cpuset', 'cpu', 'io', 'memory', 'pids'],
    systemd: true,
  },
  network: { kind: 'bridge', opened: fine },
  store: { root: '/var/lib/tsbuild', state: 'there', writable: fine },
  disk: {
    type: 'ext4',
    total: 100 * 2 ** 30,
    free: 50 * 2 ** 30,
    inodes: 6_000_000,
    freeInodes: 5_000_000,
    path: '/var/lib/tsbuild',
    xattrs: fine,
    flock: fine,
    reflinks: false,
  },
  memory: { total: 8 * 2 ** 30, available: 6 * 2 ** 30, limit: undefined },
  tools: {
    git: '/usr/bin/git',
    ssh: '/usr/bin/ssh',
    xz: '/usr/bin/xz',
    bzip2: '/usr/bin/bzip2',
    ps: '/usr/bin/ps',
  },
  now: Date.UTC(2026, 5, 1, 12),
};

/** Debian 13 as an ordinary user, with everything installed and delegated. */
const usersMachine: Facts = {
  ...rootsMachine,
  user: { ...rootsMachine.user, uid: 1000, name: 'ann', capabilities: [] },
  calls: { ...calls, fsopen: 'refused', move_mount: 'refused' },
  overlay: { known: true, mounted: undefined, singly: false },
  container: undefined,
  network: { kind: 'user', programs: ['pasta'], tun: fine },
  store: { root: '/home/ann/.local/share/tsbuild', state: 'there', writable: fine },
};

export function rootsFacts(changes: FactChanges = {}): Facts {
  return changed(rootsMachine, changes);
}

export function usersFacts(changes: FactChanges = {}): Facts {
  return changed(usersMachine, changes);
}

function changed(facts: Facts, changes: FactChanges): Facts {
  const merged = Object.entries(changes).map(([group, change]) => {
    const before = facts[group as keyof Facts];
    const mixes = typeof before === 'object' && typeof change === 'object';
    return [group, mixes ? { ...before, ...change } : change] as const;
  });
  return { ...facts, ...Object.fromEntries(merged) };
}

export const eperm = refusal('EPERM');

/** All steps of a user namespace, done. */
export function tried(): Facts['userNamespace']['steps'] {
  return rootsMachine.userNamespace.steps;
}

/** What root in `docker run` without any flags changes of the facts. */
export const dockersDefault = {
  user: { capabilities: ['CAP_CHOWN', 'CAP_SYS_CHROOT'] },
  surroundings: { engine: 'docker', apparmor: 'docker-default (enforce)' },
  seccomp: { filtered: true },
  calls: {
    clone3: 'missing',
    fsopen: 'refused',
    move_mount: 'refused',
    open_tree: 'refused',
    mount_setattr: 'refused',
  },
  userNamespace: {
    steps: { create: eperm, map: undefined, overlay: undefined, proc: undefined, network: undefined },
  },
  overlay: { mounted: eperm, singly: false },
  container: {
    namespaces: refusal('RUNTIME_SETUP', 'cannot set up the container (clone)'),
    chroot: { ok: true },
  },
  cgroups: { writable: false },
  network: { kind: 'bridge', opened: eperm },
  disk: { type: 'overlay' },
} as const;
