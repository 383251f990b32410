import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  chooseIsolation,
  containerConfig,
  encodeRequest,
  type ContainerSpec,
  type HostFacts,
} from '../../src/runtime/index.ts';
import { coveredMounts } from '../../src/runtime/covered-mounts.ts';
import { planChroot } from '../../src/runtime/plan/chroot.ts';
import { planSetup } from '../../src/runtime/plan/plan.ts';

const host: HostFacts = {
  scratch: { root: '/store/mnt/root', tree: '/store/mnt/tree' },
  stubs: undefined,
  cgroup: { version: 'none', folders: [], cleanup: [] },
  inUserNamespace: false,
  capabilities: ['CAP_CHOWN', 'CAP_SETUID', 'CAP_SYS_CHROOT', 'CAP_MKNOD'],
  architecture: 'x86_64',
};

function spec(change: Partial<ContainerSpec> = {}): ContainerSpec {
  const config = containerConfig({
    purpose: 'build',
    args: ['/bin/sh', '-c', 'make'],
    user: { uid: 0, gid: 0, additionalGids: [0], home: '/root' },
    hostname: 'buildkitsandbox',
    network: 'host',
    processors: 1,
  });
  return { id: 'step', config, rootfs: { kind: 'bind', path: '/store/tree' }, stdio: 'pipe', ...change };
}

describe('C-47 isolation', () => {
  const cases: readonly (readonly [
    own: readonly string[],
    wanted: 'auto' | 'namespaces' | 'chroot',
    answer: string,
  ])[] = [
    [['CAP_SYS_ADMIN', 'CAP_SYS_CHROOT'], 'auto', 'namespaces'],
    [['CAP_SYS_ADMIN', 'CAP_SYS_CHROOT'], 'chroot', 'chroot, told'],
    [['CAP_SYS_CHROOT'], 'auto', 'chroot, told'],
    [['CAP_SYS_CHROOT'], 'namespaces', 'namespaces'],
    [['CAP_CHOWN'], 'auto', 'HOST_UNSUPPORTED'],
    [[], 'chroot', 'HOST_UNSUPPORTED'],
  ];
  it.each(cases)('with %j, asked for %s: %s', (own, wanted, answer) => {
    const ask = (): string => {
      const { isolation, warning } = chooseIsolation(wanted, own);
      return warning === undefined ? isolation : `${isolation}, told`;
    };
    if (answer === 'HOST_UNSUPPORTED') {
      const hint = expect.stringMatching(
        /--security-opt seccomp=unconfined.*--privileged.*--user 0/,
      ) as string;
      expect(ask).toThrow(expect.objectContaining({ code: answer, hint }) as Error);
    } else {
      expect(ask()).toBe(answer);
    }
  });

  it('golden: the plan of a chroot, which no namespace, mount, filter or way out is part of', async () => {
    const plan = planChroot(spec(), host);
    const lines = plan.map(({ kind, ...fields }) =>
      `${kind} ${JSON.stringify(fields)}`.replace(/ \{\}$/, ''),
    );
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(
      join(import.meta.dirname, 'goldens/plan-chroot.txt'),
    );
    expect(encodeRequest(plan).length).toBeGreaterThan(0);
  });

  it.each([
    ['outside of containers', ['CAP_MKNOD', 'CAP_SYS_ADMIN', 'CAP_DAC_OVERRIDE'], ['CAP_DAC_OVERRIDE']],
    ['where the one around holds its device rules', ['CAP_MKNOD', 'CAP_SYS_PTRACE'], ['CAP_MKNOD']],
  ])('without device rules of its own, %s', (_name, capabilities, kept) => {
    const bounding = planChroot(spec(), { ...host, capabilities }).find(({ kind }) => kind === 'bounding');
    expect(bounding).toMatchObject({ capabilities: kept });
  });

  it.each([
    ['a terminal', { stdio: 'terminal' } as const],
    ['a read-only root', { config: { ...spec().config, root: { path: '', readonly: true } } }],
  ])('%s is refused, and the hint says how to start the container around', (_name, change) => {
    expect(() => planChroot(spec(change), host)).toThrow(
      expect.objectContaining({
        code: 'HOST_UNSUPPORTED',
        hint: expect.stringContaining('seccomp=unconfined') as string,
      }) as Error,
    );
  });
});

describe('kernel file systems that cannot be mounted anew', () => {
  const proc = '50 40 0:60 / /proc rw,nosuid - proc proc rw';
  const sysfs = '51 40 0:61 / /sys ro,nosuid - sysfs sysfs ro';
  const over = (parent: number, point: string): string => `60 ${parent} 0:70 / ${point} ro - tmpfs tmpfs ro`;
  const cases: readonly (readonly [name: string, lines: readonly string[], covered: object])[] = [
    ['whole ones', [proc, sysfs], { proc: false, sysfs: false }],
    [
      'masks of a container',
      [proc, over(50, '/proc/kcore'), sysfs, over(51, '/sys/firmware')],
      { proc: true, sysfs: true },
    ],
    [
      'what hides nothing',
      [proc, over(50, '/proc/sys/fs/binfmt_misc'), sysfs, over(51, '/sys/fs/cgroup')],
      { proc: false, sysfs: false },
    ],
    [
      'a second, whole one',
      [proc, over(50, '/proc/kcore'), proc.replace('50 40', '58 40'), sysfs],
      { proc: false, sysfs: false },
    ],
    [
      'a part of one alone',
      [proc.replace(' / /proc', ' /sys /proc/sys'), sysfs],
      { proc: true, sysfs: false },
    ],
    ['none', [], { proc: true, sysfs: true }],
  ];
  it.each(cases)('%s', (_name, lines, covered) => {
    expect(coveredMounts(`${lines.join('\n')}\n`)).toEqual(covered);
  });

  it('are taken over with all that covers them', () => {
    const facts = { ...host, inUserNamespace: true, covered: { proc: true, sysfs: true } };
    const plan = planSetup(spec(), facts);
    expect(plan.filter((op) => op.kind === 'mount' && ['proc', 'sysfs'].includes(op.type))).toEqual([]);
    expect(plan).toContainEqual(
      expect.objectContaining({ kind: 'bind', source: '/proc', destination: '/proc', recursive: true }),
    );
  });
});
