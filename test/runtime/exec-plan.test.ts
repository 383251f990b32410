import { describe, expect, it } from 'vitest';

import { containerConfig, planExec, type ContainerSpec } from '../../src/runtime/index.ts';
import type { NamespaceType } from '../../src/oci/runtime-spec.ts';

function specWith(change: (types: readonly NamespaceType[]) => readonly NamespaceType[]): ContainerSpec {
  const config = containerConfig({
    purpose: 'run',
    args: ['ls'],
    user: { uid: 5, gid: 6, additionalGids: [6], home: '/' },
    hostname: 'here',
    network: 'none',
    processors: 1,
  });
  const types = change(config.linux.namespaces.map(({ type }) => type));
  const linux = { ...config.linux, namespaces: types.map((type) => ({ type })) };
  return {
    id: 'c',
    config: { ...config, linux },
    rootfs: { kind: 'bind', path: '/nowhere' },
    stdio: 'inherit',
  };
}

describe('the plan of one more process', () => {
  const target = { pid: 42, cgroupFiles: ['/sys/fs/cgroup/x/cgroup.procs'] };
  const host = { capabilities: undefined, architecture: 'x86_64' } as const;
  const plan = planExec(
    specWith((types) => types),
    target,
    host,
  );

  it('C-71 makes no namespace, no mount and no change to the container', () => {
    expect(plan.map(({ kind }) => kind)).toEqual([
      ...['leave-rest', 'clone', 'join-cgroup', 'enter', 'keyring', 'stdio', 'cwd'],
      ...['bounding', 'user', 'umask', 'seccomp', 'capabilities', 'exec'],
    ]);
    expect(plan.find(({ kind }) => kind === 'clone')).toMatchObject({ create: [], uidMap: '', gidMap: '' });
    expect(plan.find(({ kind }) => kind === 'cwd')).toMatchObject({ create: undefined });
  });

  it('C-71 joins the cgroups before the mounts, and the mounts last of the namespaces', () => {
    const enter = plan.find((op) => op.kind === 'enter');
    expect(enter?.join.map(({ path }) => path)).toEqual(
      ['ipc', 'uts', 'net', 'cgroup', 'mnt'].map((name) => `/proc/42/ns/${name}`),
    );
    expect(plan.find((op) => op.kind === 'clone')?.join).toEqual([{ type: 'pid', path: '/proc/42/ns/pid' }]);
  });

  it('C-71 leaves out what the container shares with the host, and joins a user namespace first', () => {
    const shared = planExec(
      specWith(() => ['mount', 'user']),
      { pid: 7, cgroupFiles: [] },
      host,
    );
    expect(shared.find((op) => op.kind === 'enter')?.join.map(({ type }) => type)).toEqual(['user', 'mount']);
    expect(shared.find((op) => op.kind === 'clone')?.join).toEqual([]);
    expect(shared.some(({ kind }) => kind === 'join-cgroup')).toBe(false);
  });
});
