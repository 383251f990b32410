import { describe, expect, it } from 'vitest';

import { judge, type CheckId, type Facts } from '../../../src/ops/index.ts';
import { dockersDefault, eperm, refusal, rootsFacts, tried, usersFacts } from '../../support/doctor-facts.ts';

/** Fixes as they are read: what to type bare, what to add with its place in front. */
function fixes(facts: Facts, id: CheckId): readonly string[] {
  return (judge(facts).findings.find((each) => each.id === id)?.fixes ?? []).map((fix) => {
    if (fix.kind === 'advice') return `(${fix.text})`;
    return fix.place === 'shell' ? fix.text : `${fix.place}: ${fix.text}`;
  });
}

describe('B-11 what fixes it', () => {
  it.each<[string, Facts, CheckId, readonly string[]]>([
    [
      'Ubuntu: one program is let through',
      usersFacts({ userNamespace: { apparmorRestricts: 1, steps: { ...tried(), map: eperm } } }),
      'user-namespaces',
      [
        "echo 'abi <abi/4.0>, profile tsbuild /usr/lib/tsbuild/launcher flags=(unconfined) { userns, }' | sudo tee /etc/apparmor.d/tsbuild",
        'sudo apparmor_parser -r /etc/apparmor.d/tsbuild',
      ],
    ],
    [
      'Debian 10: the sysctl, now and for good',
      usersFacts({
        userNamespace: { unprivilegedClone: 0, steps: { ...tried(), create: eperm, map: undefined } },
      }),
      'user-namespaces',
      [
        'sudo sysctl -w kernel.unprivileged_userns_clone=1',
        'echo kernel.unprivileged_userns_clone=1 | sudo tee /etc/sysctl.d/60-kernel.unprivileged_userns_clone.conf',
      ],
    ],
    [
      'CentOS 7: the number of namespaces',
      usersFacts({
        userNamespace: { most: 0, steps: { ...tried(), create: refusal('ENOSPC'), map: undefined } },
      }),
      'user-namespaces',
      [
        'sudo sysctl -w user.max_user_namespaces=15000',
        'echo user.max_user_namespaces=15000 | sudo tee /etc/sysctl.d/60-user.max_user_namespaces.conf',
      ],
    ],
    [
      'Debian: the package, and a range that is free',
      usersFacts({ idMaps: { tools: { newuidmap: undefined, newgidmap: undefined }, uids: 0, gids: 0 } }),
      'id-maps',
      [
        'sudo apt-get install -y uidmap',
        'sudo usermod --add-subuids 165536-231071 --add-subgids 165536-231071 ann',
      ],
    ],
    [
      'Fedora: the same by its own names',
      usersFacts({
        system: { families: ['fedora'] },
        idMaps: { tools: { newuidmap: undefined, newgidmap: undefined } },
      }),
      'id-maps',
      ['sudo dnf install -y shadow-utils'],
    ],
    [
      'Rocky Linux is like RHEL',
      rootsFacts({
        system: { families: ['rocky', 'rhel', 'centos', 'fedora'] },
        tools: { git: undefined, ssh: undefined },
      }),
      'tools',
      ['dnf install -y git openssh-clients'],
    ],
    [
      'a system of no known family',
      rootsFacts({ system: { families: [] }, tools: { xz: undefined } }),
      'tools',
      ['(install xz (Debian: xz-utils; Fedora: xz))'],
    ],
    [
      'delegation by systemd',
      usersFacts({ cgroups: { writable: false } }),
      'cgroups',
      ['systemd-run --user --scope -p Delegate=yes tsbuild build .'],
    ],
    [
      'controllers that systemd keeps for itself',
      usersFacts({ cgroups: { controllers: ['memory', 'pids'] } }),
      'cgroups',
      [
        'sudo mkdir -p /etc/systemd/system/user@.service.d',
        "printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf",
        'sudo systemctl daemon-reload',
        '(log in again)',
      ],
    ],
    [
      'a missing module',
      rootsFacts({ overlay: { mounted: refusal('ENODEV') } }),
      'overlay',
      ['modprobe overlay'],
    ],
    [
      'forwarding',
      rootsFacts({ network: { opened: refusal('forwarding') } as never }),
      'network',
      ['sysctl -w net.ipv4.ip_forward=1'],
    ],
    [
      'a folder that root must make',
      usersFacts({ store: { state: 'absent', writable: refusal('EACCES') } }),
      'store',
      [
        'sudo install -d -m 700 -o ann /home/ann/.local/share/tsbuild',
        '(point --root (TSBUILD_ROOT) to a folder that you may write, or that can be made)',
      ],
    ],
    [
      'docker: the right to mount',
      rootsFacts(dockersDefault),
      'overlay',
      ['docker: --cap-add SYS_ADMIN --security-opt apparmor=unconfined'],
    ],
    [
      'podman on SELinux: the right to mount',
      rootsFacts({
        ...dockersDefault,
        surroundings: { engine: 'podman', selinux: 'system_u:system_r:container_t:s0' },
      }),
      'overlay',
      ['podman: --cap-add SYS_ADMIN --security-opt label=disable'],
    ],
    [
      'Kubernetes: the right to mount',
      rootsFacts({
        ...dockersDefault,
        surroundings: { engine: 'kubernetes', apparmor: 'cri-containerd.apparmor.d (enforce)' },
      }),
      'overlay',
      [
        'kubernetes: securityContext: {capabilities: {add: [SYS_ADMIN]}, appArmorProfile: {type: Unconfined}}',
      ],
    ],
    [
      'a container of no known engine: for all of them',
      rootsFacts({ ...dockersDefault, surroundings: { engine: 'unknown' } }),
      'network',
      [
        'docker: --cap-add NET_ADMIN',
        'podman: --cap-add NET_ADMIN',
        'kubernetes: securityContext: {capabilities: {add: [NET_ADMIN]}}',
      ],
    ],
    [
      'overlay on overlay takes a volume',
      rootsFacts({
        surroundings: { engine: 'docker' },
        disk: { type: 'overlay' },
        overlay: { mounted: refusal('EINVAL') },
      }),
      'overlay',
      ['docker: -v tsbuild:/var/lib/tsbuild'],
    ],
    [
      'a user in a pod without rights to gain',
      usersFacts({ surroundings: { engine: 'kubernetes' }, user: { noNewPrivileges: true } }),
      'id-maps',
      ['kubernetes: securityContext: {allowPrivilegeEscalation: true}'],
    ],
    [
      'a user in docker: namespaces past its filter',
      usersFacts({
        surroundings: { engine: 'docker', apparmor: 'docker-default (enforce)' },
        seccomp: { filtered: true },
        userNamespace: { steps: { ...tried(), create: eperm, map: undefined } },
      }),
      'user-namespaces',
      ['docker: --security-opt seccomp=unconfined --security-opt apparmor=unconfined'],
    ],
    [
      'a user in docker who lacks programs: they belong into the image',
      usersFacts({ surroundings: { engine: 'docker' }, tools: { git: undefined } }),
      'tools',
      ['(in the image: RUN apt-get install -y git)'],
    ],
    [
      'a user in docker whom the host forbids namespaces',
      usersFacts({
        surroundings: { engine: 'docker' },
        userNamespace: { most: 0, steps: { ...tried(), create: refusal('ENOSPC'), map: undefined } },
      }),
      'user-namespaces',
      ['(on the host: sysctl -w user.max_user_namespaces=15000)'],
    ],
    [
      'a user without a name',
      usersFacts({ user: { uid: 1234, name: '1234' }, idMaps: { uids: 0, gids: 0 } }),
      'id-maps',
      ["sudo sh -c 'echo 1234:165536:65536 | tee -a /etc/subuid >> /etc/subgid'"],
    ],
    [
      'a masked /proc in docker',
      usersFacts({
        surroundings: { engine: 'docker' },
        userNamespace: { steps: { ...tried(), proc: eperm } },
      }),
      'containers',
      ['docker: --security-opt systempaths=unconfined'],
    ],
  ])('%s', (_, facts, id, expected) => {
    expect(fixes(facts, id)).toEqual(expected);
  });

  it('all that a container lacks stands together, each flag once', () => {
    expect(judge(rootsFacts(dockersDefault)).together).toEqual([
      {
        kind: 'command',
        place: 'docker',
        text: '--cap-add SYS_ADMIN --security-opt apparmor=unconfined --cgroupns private --security-opt writable-cgroups=true --cap-add NET_ADMIN',
      },
    ]);
    const pod = rootsFacts({ ...dockersDefault, cgroups: {}, surroundings: { engine: 'kubernetes' } });
    expect(judge(pod).together).toEqual([
      {
        kind: 'command',
        place: 'kubernetes',
        text: 'securityContext: {capabilities: {add: [SYS_ADMIN, NET_ADMIN]}}',
      },
    ]);
  });

  it('outside of a container no flag of one is named', () => {
    const facts = rootsFacts({ ...dockersDefault, surroundings: {} });
    const places = judge(facts).findings.flatMap((each) =>
      each.fixes.map((fix) => (fix.kind === 'command' ? fix.place : 'advice')),
    );
    expect(places.filter((place) => place !== 'shell' && place !== 'advice')).toEqual([]);
  });
});
