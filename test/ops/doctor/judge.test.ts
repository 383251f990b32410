import { describe, expect, it } from 'vitest';

import { judge, type CheckId, type Facts, type Finding } from '../../../src/ops/index.ts';
import { dockersDefault, eperm, refusal, rootsFacts, tried, usersFacts } from '../../support/doctor-facts.ts';

/** The findings that are not in order, one line each: status, id, what was found. */
function trouble(facts: Facts): readonly string[] {
  return judge(facts)
    .findings.filter(({ status }) => status === 'warning' || status === 'error')
    .map(({ status, id, found }) => `${status} ${id}: ${found}`);
}

function finding(facts: Facts, id: CheckId): Finding {
  const found = judge(facts).findings.find((each) => each.id === id);
  if (found === undefined) throw new Error(`no finding ${id}`);
  return found;
}

describe('machines on which nothing is wrong', () => {
  it.each([
    ['root', rootsFacts()],
    ['an ordinary user', usersFacts()],
    [
      'root where ordinary users may make no namespaces',
      rootsFacts({ userNamespace: { unprivilegedClone: 0 } }),
    ],
    [
      'btrfs without a number of files',
      rootsFacts({ disk: { type: 'btrfs', inodes: 0, freeInodes: 0, reflinks: true } }),
    ],
    [
      'a kernel that takes all lowers at once',
      rootsFacts({ system: { kernel: '6.1.0-13' }, overlay: { singly: false } }),
    ],
    ['a virtual machine of arm64', rootsFacts({ system: { architecture: 'arm64' } })],
    ['a store that is yet to be made', usersFacts({ store: { state: 'absent' } })],
  ])('%s', (_, facts) => {
    expect(trouble(facts)).toEqual([]);
    expect(judge(facts).ok).toBe(true);
    expect(judge(facts).together).toEqual([]);
  });

  it('what is lost without being wrong is said all the same', () => {
    const facts = rootsFacts({ system: { kernel: '6.1.0-13' }, overlay: { singly: false } });
    expect(finding(facts, 'overlay').status).toBe('ok');
    expect(finding(facts, 'overlay').lost).toContain('70 layers');
  });
});

describe('B-11 what is wrong with a machine', () => {
  it.each<[string, Facts, readonly string[]]>([
    [
      'an old kernel',
      rootsFacts({ system: { kernel: '5.10.0-28-amd64' }, calls: { mount_setattr: 'missing' } }),
      ['error kernel: Linux 5.10.0-28-amd64, which is older than 5.12'],
    ],
    [
      'another processor',
      rootsFacts({ system: { architecture: 'riscv64' } }),
      ['error kernel: a processor of the kind riscv64'],
    ],
    [
      'a kernel without filters',
      rootsFacts({ seccomp: { available: false } }),
      ['error seccomp: the kernel cannot filter system calls'],
    ],
    [
      'Ubuntu, which restricts user namespaces by AppArmor',
      usersFacts({ userNamespace: { apparmorRestricts: 1, steps: { ...tried(), map: eperm } } }),
      [
        'error user-namespaces: cannot be made (EPERM when mapping ids): kernel.apparmor_restrict_unprivileged_userns is 1',
        'error containers: they take a user namespace, which cannot be made',
      ],
    ],
    [
      'a user without newuidmap',
      usersFacts({ idMaps: { tools: { newuidmap: undefined, newgidmap: undefined } } }),
      ['warning id-maps: newuidmap and newgidmap are not installed'],
    ],
    [
      'a user with too few ids',
      usersFacts({ idMaps: { uids: 65_536, gids: 1000 } }),
      ['warning id-maps: /etc/subuid and /etc/subgid give ann 65536 and 1000 ids, and images use 65536'],
    ],
    [
      'newgidmap that lost its set-user-id bit',
      usersFacts({
        idMaps: {
          tools: {
            newuidmap: { path: '/usr/bin/newuidmap', privileged: true },
            newgidmap: { path: '/usr/bin/newgidmap', privileged: false },
          },
        },
      }),
      ['warning id-maps: newgidmap without the set-user-id bit or a file capability'],
    ],
    [
      'a user who may gain no rights',
      usersFacts({ user: { noNewPrivileges: true } }),
      ['warning id-maps: newuidmap and newgidmap gain no rights here (no_new_privs)'],
    ],
    [
      'a user of cgroup v2 without delegation',
      usersFacts({ cgroups: { writable: false } }),
      ['warning cgroups: v2, not writable'],
    ],
    [
      'a user of cgroup v1',
      usersFacts({ cgroups: { kind: 'hybrid', writable: false } }),
      ['warning cgroups: v1, beside a v2 tree without controllers, not writable'],
    ],
    [
      'a kernel without the memory controller',
      rootsFacts({ cgroups: { controllers: ['cpu', 'pids'] } }),
      ['warning cgroups: v2, writable, without the controller memory'],
    ],
    [
      'no cgroups',
      rootsFacts({ cgroups: { kind: 'none', writable: false } }),
      ['warning cgroups: no cgroup file system is mounted'],
    ],
    [
      'no overlay in the kernel',
      rootsFacts({ overlay: { known: false, mounted: refusal('ENODEV') } }),
      ['warning overlay: the kernel does not know overlay file systems'],
    ],
    [
      'a user before Linux 5.11, who may not mount overlay',
      usersFacts({ system: { kernel: '5.10.0' }, userNamespace: { steps: { ...tried(), overlay: eperm } } }),
      [
        'error kernel: Linux 5.10.0, which is older than 5.12',
        'warning overlay: users cannot mount it before Linux 5.11 (EPERM)',
      ],
    ],
    [
      'a store on NFS',
      rootsFacts({ disk: { type: 'nfs', inodes: 0 }, overlay: { mounted: refusal('EINVAL') } }),
      ['warning overlay: cannot be mounted on nfs (EINVAL)', 'warning disk: 50 GiB free on nfs'],
    ],
    [
      'a store on a file system without locks',
      rootsFacts({ disk: { flock: refusal('ENOLCK') } }),
      ['error disk: ext4 has no locks (ENOLCK)'],
    ],
    [
      'a full disk',
      rootsFacts({ disk: { free: 10 * 2 ** 20 } }),
      ['error disk: 10 MiB, 5000000 files free on ext4'],
    ],
    [
      'a disk without files left',
      rootsFacts({ disk: { freeInodes: 12 } }),
      ['error disk: 50 GiB, 12 files free on ext4'],
    ],
    [
      'a small disk',
      rootsFacts({ disk: { free: 2 ** 30 } }),
      ['warning disk: 1 GiB, 5000000 files free on ext4'],
    ],
    [
      'nothing can be written',
      usersFacts({ store: { state: 'absent', writable: refusal('EACCES') }, disk: { path: '/home' } }),
      ['error store: nothing can be written in /home (EACCES)'],
    ],
    [
      'the store of somebody else',
      rootsFacts({
        store: {
          state: 'refused',
          error: { code: 'STORE_VERSION', message: 'the store /s belongs to user 7, this is user 0' },
        },
      }),
      ['error store: the store /s belongs to user 7, this is user 0'],
    ],
    [
      'a user without pasta',
      usersFacts({ network: { programs: [] } as never }),
      ['warning network: neither pasta nor slirp4netns is installed'],
    ],
    [
      'a user who may not open /dev/net/tun',
      usersFacts({ network: { tun: refusal('EACCES') } as never }),
      ['warning network: pasta cannot open /dev/net/tun (EACCES)'],
    ],
    [
      'a firewall that drops what is forwarded',
      rootsFacts({
        network: {
          opened: refusal('forward-policy', 'the firewall drops it'),
          hint: 'let it forward',
        } as never,
      }),
      ['warning network: no network of their own for RUN steps and containers: the firewall drops it'],
    ],
    [
      'a little memory',
      rootsFacts({ memory: { limit: 128 * 2 ** 20 } }),
      ['warning memory: 6 GiB available of 8 GiB, limited to 128 MiB'],
    ],
    [
      'no git',
      rootsFacts({ tools: { git: undefined, ps: undefined } }),
      ['warning tools: not installed: git, ps'],
    ],
    [
      'a clock that was never set',
      rootsFacts({ now: 0 }),
      ['warning clock: 1970-01-01 00:00 UTC, which cannot be'],
    ],
    [
      'docker without any flags',
      rootsFacts(dockersDefault),
      [
        'warning user-namespaces: cannot be made (EPERM)',
        'warning overlay: mounting is not allowed (EPERM)',
        'warning containers: chroot alone: cannot set up the container (clone)',
        'warning cgroups: v2, not writable',
        'warning network: no network of their own for RUN steps and containers: EPERM',
      ],
    ],
    [
      'docker without its filter, where builds of root go into a user namespace',
      rootsFacts({
        ...dockersDefault,
        seccomp: { filtered: false },
        calls: { fsopen: 'refused', move_mount: 'refused' },
        userNamespace: { steps: { ...tried(), overlay: refusal('EINVAL'), proc: eperm } },
      }),
      [
        'warning overlay: cannot be mounted on overlay (EINVAL)',
        'warning containers: no /proc of their own can be mounted (EPERM): parts of the surrounding one are hidden, in a user namespace',
        'warning cgroups: v2, not writable',
        'warning network: no network of their own for RUN steps and containers: EPERM',
      ],
    ],
    [
      'a filter that hides what nothing stands in for',
      rootsFacts({
        surroundings: { engine: 'docker' },
        calls: { openat2: 'missing' },
        container: { namespaces: refusal('ENOSYS', 'openat2: function not implemented') },
      }),
      [
        'error kernel: Linux 6.12.0-1-amd64, but a filter of system calls hides openat2',
        'error containers: openat2: function not implemented',
      ],
    ],
    [
      'docker with nothing at all',
      rootsFacts({
        ...dockersDefault,
        user: { capabilities: [] },
        container: { namespaces: refusal('RUNTIME_SETUP', 'cannot set up'), chroot: eperm },
      }),
      [
        'warning user-namespaces: cannot be made (EPERM)',
        'warning overlay: mounting is not allowed (EPERM)',
        'error containers: cannot set up',
        'warning cgroups: v2, not writable',
        'warning network: no network of their own for RUN steps and containers: EPERM',
      ],
    ],
    [
      'a user in a container with a masked /proc',
      usersFacts({
        surroundings: { engine: 'podman' },
        userNamespace: { steps: { ...tried(), proc: eperm } },
      }),
      [
        'warning containers: no /proc of their own can be mounted (EPERM): parts of the surrounding one are hidden',
      ],
    ],
  ])('%s', (_, facts, expected) => {
    const report = judge(facts);
    expect(trouble(facts)).toEqual(expected);
    expect(report.ok).toBe(!expected.some((line) => line.startsWith('error')));
    // Whatever is wrong, something is lost by it, and something can be done.
    for (const { status, id, lost, fixes: own } of report.findings) {
      if (status !== 'warning' && status !== 'error') continue;
      expect(lost, id).toBeDefined();
      if (id !== 'containers' || facts.user.uid === 0) expect(own.length, id).toBeGreaterThan(0);
    }
  });
});
