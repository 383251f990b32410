import { existsSync, readFileSync } from 'node:fs';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { SeccompAction, SeccompArg, SeccompConfig, SeccompRule } from '../../src/oci/runtime-spec.ts';
import { defaultCapabilityNames } from '../../src/runtime/defaults.ts';
import { compileSeccomp, defaultSeccompProfile, seccompFlags } from '../../src/runtime/index.ts';
import { abisOf, type SeccompArch, type SyscallAbi } from '../../src/runtime/seccomp/tables.ts';
import { decodeBpf, disassembleBpf, runBpf } from '../support/bpf.ts';

const ALLOW = 0x7fff0000;
const EPERM = 0x00050001;
const ENOSYS = 0x00050026;
const KILL_PROCESS = 0x80000000;

const arches = ['x86_64', 'arm64'] as const;
const zeros = [0n, 0n, 0n, 0n, 0n, 0n];
const standard = defaultSeccompProfile(defaultCapabilityNames);

function filter(
  config: SeccompConfig,
  arch: SeccompArch,
): (abi: SyscallAbi, number: number, args?: readonly bigint[]) => number {
  const program = decodeBpf(compileSeccomp(config, arch));
  return (abi, number, args = zeros) => runBpf(program, { number, audit: abi.audit, args }).value;
}

/** What the filter says of a call by name. */
function verdict(config: SeccompConfig, name: string, args: readonly bigint[] = []): Record<string, number> {
  const verdicts: Record<string, number> = {};
  for (const arch of arches) {
    const ask = filter(config, arch);
    for (const abi of abisOf[arch]) {
      const number = abi.numbers.get(name);
      if (number !== undefined) verdicts[abi.name] = ask(abi, number, [...args, ...zeros].slice(0, 6));
    }
  }
  return verdicts;
}

/** The profile read straight from its rules, a rule after the other, with none of the compiler's steps. */
function naive(
  config: SeccompConfig,
  abi: SyscallAbi,
  call: { number: number; args: readonly bigint[] },
): number {
  const result = (action: SeccompAction, errno = 1): number =>
    ({
      SCMP_ACT_ALLOW: ALLOW,
      SCMP_ACT_LOG: 0x7ffc0000,
      SCMP_ACT_TRACE: 0x7ff00000 + errno,
      SCMP_ACT_ERRNO: 0x00050000 + errno,
      SCMP_ACT_TRAP: 0x00030000,
      SCMP_ACT_KILL: 0,
      SCMP_ACT_KILL_THREAD: 0,
      SCMP_ACT_KILL_PROCESS: KILL_PROCESS,
    })[action];
  const holds = ({ index, op, value, valueTwo }: SeccompArg): boolean => {
    const arg = call.args[index] ?? 0n;
    const wanted = BigInt(value);
    return {
      SCMP_CMP_NE: arg !== wanted,
      SCMP_CMP_LT: arg < wanted,
      SCMP_CMP_LE: arg <= wanted,
      SCMP_CMP_EQ: arg === wanted,
      SCMP_CMP_GE: arg >= wanted,
      SCMP_CMP_GT: arg > wanted,
      SCMP_CMP_MASKED_EQ: (arg & wanted) === BigInt(valueTwo ?? 0),
    }[op];
  };
  const named = (name: string): boolean => abi.numbers.get(name) === call.number;
  if (abi.name === 'SCMP_ARCH_X86_64' && call.number >= 0x40000000) return ENOSYS;
  if (['exit', 'exit_group', 'rt_sigreturn', 'sigreturn'].some(named)) return ALLOW;
  for (const { names, action, errnoRet, args = [] } of config.syscalls ?? []) {
    if (!names.some(named)) continue;
    const either = new Set(args.map(({ index }) => index)).size < args.length;
    if (either ? args.some(holds) : args.every(holds)) return result(action, errnoRet);
  }
  const mentioned = (config.syscalls ?? []).flatMap(({ names }) =>
    names.map((name) => abi.numbers.get(name) ?? -1),
  );
  const newest = Math.max(-1, ...mentioned.filter((number) => number < 0xf0000));
  const permissive = ['SCMP_ACT_ALLOW', 'SCMP_ACT_LOG', 'SCMP_ACT_TRACE'].includes(config.defaultAction);
  if (call.number > newest && !permissive && !mentioned.includes(call.number)) return ENOSYS;
  return result(config.defaultAction, config.defaultErrnoRet);
}

/** Every number of an interface and around it. */
function numbersOf(abi: SyscallAbi): number[] {
  const used = [...abi.numbers.values()].flatMap((number) => [number - 1, number, number + 1]);
  return [...new Set([...used, 1000, 0x3fffffff, 0x40000000, 0x40000001, 0x40000207, 0xffffffff])].filter(
    (number) => number >= 0,
  );
}

const edges = [
  0n,
  1n,
  0xffffffffn,
  0x100000000n,
  0xffffffffffffffffn,
  38n,
  0x100000026n,
  0x7e020000n,
  1n << 63n,
];
const someNames = [
  'read',
  'write',
  'clone',
  'socket',
  'open',
  'getpid',
  'mseal',
  'nonesuch',
  'exit_group',
  'cacheflush',
];
const actions: SeccompAction[] = [
  'SCMP_ACT_ALLOW',
  'SCMP_ACT_ERRNO',
  'SCMP_ACT_KILL',
  'SCMP_ACT_KILL_PROCESS',
  'SCMP_ACT_KILL_THREAD',
  'SCMP_ACT_TRAP',
  'SCMP_ACT_LOG',
  'SCMP_ACT_TRACE',
];
const operators: SeccompArg['op'][] = [
  'SCMP_CMP_NE',
  'SCMP_CMP_LT',
  'SCMP_CMP_LE',
  'SCMP_CMP_EQ',
  'SCMP_CMP_GE',
  'SCMP_CMP_GT',
  'SCMP_CMP_MASKED_EQ',
];

const values = fc.oneof(
  fc.constantFrom(0, 1, 38, 0xffffffff, 0x100000000, 0x100000026, 0x7e020000, Number.MAX_SAFE_INTEGER),
  fc.maxSafeNat(),
);
const anyArg: fc.Arbitrary<SeccompArg> = fc.record({
  index: fc.nat(5),
  value: values,
  valueTwo: values,
  op: fc.constantFrom(...operators),
});
const anyRule: fc.Arbitrary<SeccompRule> = fc.record({
  names: fc.uniqueArray(fc.constantFrom(...someNames), { minLength: 1, maxLength: 4 }),
  action: fc.constantFrom(...actions),
  errnoRet: fc.constantFrom(1, 38, 4095),
  args: fc.oneof(fc.constant([]), fc.array(anyArg, { maxLength: 3 })),
});
const anyProfile: fc.Arbitrary<SeccompConfig> = fc.record({
  defaultAction: fc.constantFrom(...actions),
  defaultErrnoRet: fc.constantFrom(1, 38),
  architectures: fc.constantFrom(undefined, [], ['SCMP_ARCH_X86', 'SCMP_ARCH_ARM'], ['SCMP_ARCH_X86_64']),
  syscalls: fc.array(anyRule, { maxLength: 12 }),
});

describe('compiled filters', () => {
  it.each(arches)('R-27 say on %s what the default profile says, for every number', (arch) => {
    const everything = Object.values(abisOf).flatMap((abis) => abis.map(({ name }) => name));
    expect(standard.architectures).toEqual(expect.arrayContaining(everything));
    for (const capabilities of [defaultCapabilityNames, [], ['CAP_SYS_ADMIN', 'CAP_SYS_PTRACE', 'CAP_BPF']]) {
      const profile = defaultSeccompProfile(capabilities);
      const ask = filter(profile, arch);
      const wrong = abisOf[arch].flatMap((abi) =>
        numbersOf(abi).flatMap((number) =>
          edges
            .map((edge) => ({ number, args: [edge, edge, 0n, 0n, 0n, 0n] }))
            .filter((call) => ask(abi, call.number, call.args) !== naive(profile, abi, call))
            .map((call) => ({ abi: abi.name, ...call })),
        ),
      );
      expect(wrong).toEqual([]);
    }
  });

  it('R-27 S-15 say what any profile says', () => {
    fc.assert(
      fc.property(
        anyProfile,
        fc.array(fc.oneof(fc.constantFrom(...edges), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })), {
          minLength: 6,
          maxLength: 6,
        }),
        (profile, args) => {
          for (const arch of arches) {
            const ask = filter(profile, arch);
            const [native, compat] = abisOf[arch];
            const offered =
              profile.architectures?.includes(compat.name) === true ? [native, compat] : [native];
            // Arguments that hit the profile's own constants tell more than random ones.
            const own = (profile.syscalls ?? []).flatMap((rule) =>
              (rule.args ?? []).map(({ value }) => BigInt(value)),
            );
            const registers = [
              args,
              ...own
                .flatMap((value) => [value - 1n, value, value + 1n])
                .filter((value) => value >= 0n)
                .map((value) => Array<bigint>(6).fill(value)),
            ];
            for (const abi of offered) {
              const numbers = [
                ...someNames.flatMap((name) => abi.numbers.get(name) ?? []),
                0,
                5,
                463,
                470,
                0x40000000,
                0xffffffff,
              ];
              for (const number of numbers) {
                for (const call of registers) {
                  expect([abi.name, number, call, ask(abi, number, call)]).toEqual([
                    abi.name,
                    number,
                    call,
                    naive(profile, abi, { number, args: call }),
                  ]);
                }
              }
            }
            if (!offered.includes(compat)) expect(ask(compat, 1)).toBe(KILL_PROCESS);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('R-27 reach far rules by long jumps', () => {
    const names = [...abisOf.x86_64[0].numbers.keys()].slice(0, 300);
    const syscalls = names.map((name, index): SeccompRule => ({
      names: [name],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: index + 1,
      args: [{ index: 0, op: 'SCMP_CMP_GE', value: index }],
    }));
    const profile: SeccompConfig = { defaultAction: 'SCMP_ACT_ALLOW', syscalls };
    const ask = filter(profile, 'x86_64');
    const abi = abisOf.x86_64[0];
    for (const number of numbersOf(abi)) {
      for (const args of [0n, 150n, 1000n].map((value) => Array<bigint>(6).fill(value))) {
        expect([number, ask(abi, number, args)]).toEqual([number, naive(profile, abi, { number, args })]);
      }
    }
  });

  it('R-27 say one thing of everything where the profile does', () => {
    const profile: SeccompConfig = { defaultAction: 'SCMP_ACT_ALLOW', architectures: ['SCMP_ARCH_ARM'] };
    const ask = filter(profile, 'arm64');
    for (const abi of abisOf.arm64) {
      expect([0, 1, 0xffffffff].map((number) => ask(abi, number))).toEqual([ALLOW, ALLOW, ALLOW]);
    }
  });

  it('R-27 find a number without arguments in a few steps', () => {
    for (const arch of arches) {
      const program = decodeBpf(compileSeccomp(standard, arch));
      const steps = abisOf[arch].flatMap((abi) =>
        [...abi.numbers]
          .filter(([name]) => !['socket', 'personality', 'clone'].includes(name))
          .map(([, number]) => runBpf(program, { number, audit: abi.audit, args: zeros }).steps),
      );
      expect(Math.max(...steps)).toBeLessThanOrEqual(14);
    }
  });

  it('R-27 are refused when the kernel would refuse their length', () => {
    const args: SeccompArg[] = Array.from({ length: 1200 }, (_, value) => ({
      index: 0,
      op: 'SCMP_CMP_EQ',
      value,
    }));
    const profile: SeccompConfig = {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW', args }],
    };
    expect(() => compileSeccomp(profile, 'x86_64')).toThrow(/instructions are too many/);
  });

  it.each(arches)('R-27 are as written down for %s', async (arch) => {
    const listing = disassembleBpf(decodeBpf(compileSeccomp(standard, arch)));
    await expect(listing).toMatchFileSnapshot(`goldens/seccomp-${arch}.txt`);
  });
});

describe('the default profile', () => {
  it.each([
    ['read', [], ALLOW],
    ['ptrace', [], ALLOW],
    ['mount', [], EPERM],
    ['unshare', [], EPERM],
    ['bpf', [], EPERM],
    ['io_uring_setup', [], EPERM],
    ['keyctl', [], EPERM],
    ['clone3', [], ENOSYS],
    ['clone', ['0x11'], ALLOW],
    ['clone', ['0x3d0f00'], ALLOW],
    ['clone', ['0x10000011'], EPERM],
    ['clone', ['0x00020000'], EPERM],
    ['clone', ['0x02000000'], EPERM],
    ['socket', ['1'], ALLOW],
    ['socket', ['37'], ALLOW],
    ['socket', ['38'], EPERM],
    ['socket', ['39'], ALLOW],
    ['socket', ['40'], EPERM],
    ['socket', ['45'], ALLOW],
    ['socket', ['46'], EPERM],
    // The kernel takes the family from the lower half of the register.
    ['socket', ['0x100000026'], EPERM],
    ['socket', ['0xffffffff00000028'], EPERM],
    ['personality', ['0'], ALLOW],
    ['personality', ['8'], ALLOW],
    ['personality', ['0x20000'], ALLOW],
    ['personality', ['0x20008'], ALLOW],
    ['personality', ['0xffffffff'], ALLOW],
    ['personality', ['0x40000'], EPERM],
    ['personality', ['0x100000000'], EPERM],
  ])('R-27 S-16 answers %s%j alike on all machines', (name, args, expected) => {
    const verdicts = Object.values(verdict(standard, name, args.map(BigInt)));
    expect(verdicts.length).toBeGreaterThanOrEqual(4);
    expect(new Set(verdicts)).toEqual(new Set([expected]));
  });

  it.each([
    ['CAP_SYS_ADMIN', 'mount'],
    ['CAP_SYS_ADMIN', 'clone3'],
    ['CAP_SYS_ADMIN', 'bpf'],
    ['CAP_BPF', 'bpf'],
    ['CAP_PERFMON', 'perf_event_open'],
    ['CAP_DAC_READ_SEARCH', 'open_by_handle_at'],
    ['CAP_SYS_BOOT', 'reboot'],
    ['CAP_SYS_CHROOT', 'chroot'],
    ['CAP_SYS_MODULE', 'finit_module'],
    ['CAP_SYS_NICE', 'mbind'],
    ['CAP_SYS_PACCT', 'acct'],
    ['CAP_SYS_PTRACE', 'kcmp'],
    ['CAP_SYS_TIME', 'clock_settime'],
    ['CAP_SYS_TTY_CONFIG', 'vhangup'],
    ['CAP_SYSLOG', 'syslog'],
  ])('R-27 with %s allows %s', (capability, name) => {
    const values = (capabilities: readonly string[]): number[] =>
      Object.values(verdict(defaultSeccompProfile(capabilities), name));
    expect(new Set(values([capability]))).toEqual(new Set([ALLOW]));
    expect(values([])).not.toContain(ALLOW);
  });

  it('R-27 with CAP_SYS_ADMIN lets clone make namespaces', () => {
    const verdicts = verdict(defaultSeccompProfile(['CAP_SYS_ADMIN']), 'clone', [0x7e020000n]);
    expect(new Set(Object.values(verdicts))).toEqual(new Set([ALLOW]));
  });

  it('R-27 answers x32 as a kernel without it, unknown new calls with ENOSYS, foreign interfaces with death', () => {
    const [native, compat] = abisOf.x86_64;
    const ask = filter(standard, 'x86_64');
    expect(ask(native, 0x40000000)).toBe(ENOSYS);
    expect(ask(native, 0x40000000 + 520)).toBe(ENOSYS);
    expect(ask(native, 480)).toBe(ENOSYS);
    expect(ask(native, 336)).toBe(EPERM);
    expect(ask(compat, 0x40000000)).toBe(ENOSYS);
    expect(ask({ ...native, audit: 0x8000002b }, 0)).toBe(KILL_PROCESS);
  });

  it('R-27 is one object for one set of capabilities', () => {
    expect(defaultSeccompProfile([...defaultCapabilityNames, 'CAP_CHOWN'])).toBe(standard);
    expect(compileSeccomp(standard, 'x86_64')).toBe(compileSeccomp(standard, 'x86_64'));
  });
});

describe('foreign profiles', () => {
  const deny = (names: readonly string[], more: Partial<SeccompRule> = {}): SeccompConfig => ({
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names, action: 'SCMP_ACT_ERRNO', ...more }],
  });
  const [native] = abisOf.x86_64;

  it('S-15 names that do not exist are ignored', () => {
    const ask = filter(deny(['nonesuch', 'read', 'arm_fadvise64_64']), 'x86_64');
    expect(ask(native, 0)).toBe(EPERM);
    expect(ask(native, 1)).toBe(ALLOW);
  });

  it('S-15 a list of refusals cannot be passed by x32 numbers', () => {
    expect(filter(deny(['ptrace']), 'x86_64')(native, 0x40000000 + 521)).toBe(ENOSYS);
  });

  it('a program can always end', () => {
    for (const arch of arches) {
      for (const defaultAction of ['SCMP_ACT_ERRNO', 'SCMP_ACT_KILL_PROCESS'] as const) {
        const verdicts = ['exit', 'exit_group', 'rt_sigreturn'].map((name) => {
          const rule: SeccompRule = { names: [name], action: 'SCMP_ACT_KILL' };
          return Object.values(verdict({ defaultAction, syscalls: [rule] }, name))[0];
        });
        expect([arch, ...verdicts]).toEqual([arch, ALLOW, ALLOW, ALLOW]);
      }
    }
  });

  it.each<[string, Partial<SeccompRule>]>([
    ['action', { action: 'SCMP_ACT_NOTIFY' as SeccompAction }],
    ['action', { action: 'allow' as SeccompAction }],
    ['operator', { args: [{ index: 0, op: 'SCMP_CMP_BETWEEN' as SeccompArg['op'], value: 1 }] }],
    ['argument index', { args: [{ index: 6, op: 'SCMP_CMP_EQ', value: 1 }] }],
    ['argument index', { args: [{ index: -1, op: 'SCMP_CMP_EQ', value: 1 }] }],
    ['argument value', { args: [{ index: 0, op: 'SCMP_CMP_EQ', value: -1 }] }],
    ['argument value', { args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 2 ** 53 }] }],
    ['argument value', { args: [{ index: 0, op: 'SCMP_CMP_MASKED_EQ', value: 1, valueTwo: 0.5 }] }],
    ['errnoRet', { errnoRet: 4096 }],
    ['errnoRet', { errnoRet: -1 }],
    ['a rule without names', { names: [] }],
  ])('S-15 refuses an unknown or impossible %s', (what, part) => {
    expect(() => compileSeccomp(deny(['read'], part), 'x86_64')).toThrow(
      expect.objectContaining({
        code: 'RUNTIME_SETUP',
        message: expect.stringContaining(`unsupported ${what}`) as string,
      }),
    );
  });

  it('S-15 refuses an unknown default action', () => {
    const profile = { defaultAction: 'SCMP_ACT_MAYBE' } as unknown as SeccompConfig;
    expect(() => compileSeccomp(profile, 'x86_64')).toThrow(/unsupported action "SCMP_ACT_MAYBE"/);
  });

  it('S-15 reads flags, and refuses unknown ones', () => {
    expect(seccompFlags(standard)).toBe(0);
    const flags = ['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW'];
    expect(seccompFlags({ ...standard, flags })).toBe(6);
    expect(() => seccompFlags({ ...standard, flags: ['SECCOMP_FILTER_FLAG_NEW_LISTENER'] })).toThrow(
      expect.objectContaining({ code: 'RUNTIME_SETUP' }),
    );
  });
});

describe('system call numbers', () => {
  const headers = '/usr/include/x86_64-linux-gnu/asm';

  it.skipIf(!existsSync(headers)).each([
    ['unistd_64.h', abisOf.x86_64[0]],
    ['unistd_32.h', abisOf.x86_64[1]],
  ])('R-27 are those of %s', (file, abi) => {
    const text = readFileSync(`${headers}/${file}`, 'latin1');
    const defined = [...text.matchAll(/^#define __NR_(\w+) (\d+)$/gm)].map(([, name = '', number]) => ({
      name,
      number: Number(number),
    }));
    expect(defined.length).toBeGreaterThan(300);
    expect(defined.map(({ name }) => ({ name, number: abi.numbers.get(name) }))).toEqual(defined);
  });

  it('R-27 are the same on all machines since Linux 5.1', () => {
    for (const abi of Object.values(abisOf).flat()) {
      expect(['clone3', 'mseal', 'listns'].map((name) => abi.numbers.get(name))).toEqual([435, 462, 470]);
    }
  });

  it('R-27 are known for what the default profile names', () => {
    const known = new Set(
      Object.values(abisOf).flatMap((abis) => abis.flatMap(({ numbers }) => [...numbers.keys()])),
    );
    const names = (standard.syscalls ?? []).flatMap((rule) => rule.names);
    expect(names.filter((name) => !known.has(name))).toEqual([]);
  });
});
