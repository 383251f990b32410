import type { SeccompArg, SeccompConfig, SeccompRule } from '../../oci/runtime-spec.ts';

import { allowedAlways, allowedByCapability } from './allowed.ts';

const EPERM = 1;
const ENOSYS = 38;

/** CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}: a new user namespace opens most of the kernel's attack surface. */
const namespaceFlags = 0x7e02_0000;

/**
 * The profile that Docker gives a container with these capabilities: what is not named is refused with EPERM. The same
 * on every machine: it lists the interfaces of all of them, and names that a machine lacks are without effect there.
 */
export function defaultSeccompProfile(capabilities: readonly string[]): SeccompConfig {
  // Only some capabilities matter; equal profiles are one object, so that they are compiled once.
  const relevant = Object.keys(allowedByCapability).filter((name) => capabilities.includes(name));
  const known = profiles.get(relevant.join()) ?? makeProfile(relevant);
  profiles.set(relevant.join(), known);
  return known;
}

const profiles = new Map<string, SeccompConfig>();

/** Tells the default profiles from each other: the capabilities that count. Undefined for any other profile. */
export function defaultProfileName(config: SeccompConfig): string | undefined {
  return [...profiles].find(([, profile]) => profile === config)?.[0];
}

function makeProfile(capabilities: readonly string[]): SeccompConfig {
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    architectures: [
      'SCMP_ARCH_X86_64',
      'SCMP_ARCH_X86',
      'SCMP_ARCH_X32',
      'SCMP_ARCH_AARCH64',
      'SCMP_ARCH_ARM',
    ],
    syscalls: [
      allow(allowedAlways()),
      ...socketRules(),
      ...personalityRules(),
      ...(capabilities.includes('CAP_SYS_ADMIN') ? [] : cloneRules()),
      ...capabilities.map((capability) => allow(allowedByCapability[capability] ?? [])),
    ],
  };
}

/**
 * Every address family but AF_ALG (38, the kernel's ciphers: CVE-2026-31431) and AF_VSOCK (40, which reaches virtual
 * machines across network namespaces). Listed up to the highest that exists: the kernel reads the family from the lower
 * half of the register, so "greater than 40" would let 2^32 + 38 pass. On i386 and old programs socketcall(2) hides
 * the family behind a pointer, where no filter sees it; C libraries there still need it.
 */
function socketRules(): SeccompRule[] {
  return [
    allowWhen('socket', { index: 0, op: 'SCMP_CMP_LT', value: 38 }),
    ...[39, 41, 42, 43, 44, 45].map((family) =>
      allowWhen('socket', { index: 0, op: 'SCMP_CMP_EQ', value: family }),
    ),
  ];
}

/** PER_LINUX and PER_LINUX32, each with UNAME26, and the question which one is set: nothing that weakens ASLR. */
function personalityRules(): SeccompRule[] {
  return [0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff].map((persona) =>
    allowWhen('personality', { index: 0, op: 'SCMP_CMP_EQ', value: persona }),
  );
}

/** clone3's flags lie behind a pointer. ENOSYS makes C libraries fall back to clone, whose flags a filter sees. */
function cloneRules(): SeccompRule[] {
  return [
    allowWhen('clone', { index: 0, op: 'SCMP_CMP_MASKED_EQ', value: namespaceFlags, valueTwo: 0 }),
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
  ];
}

function allow(names: readonly string[]): SeccompRule {
  return { names, action: 'SCMP_ACT_ALLOW' };
}

function allowWhen(name: string, arg: SeccompArg): SeccompRule {
  return { names: [name], action: 'SCMP_ACT_ALLOW', args: [arg] };
}
