import { readFileSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { z } from 'zod';

import { TsbuildError } from '../../core/index.ts';
import type { SeccompConfig, SeccompRule } from '../../oci/runtime-spec.ts';
import type { SeccompArch } from './tables.ts';

const action = z.enum([
  'SCMP_ACT_ALLOW',
  'SCMP_ACT_ERRNO',
  'SCMP_ACT_KILL',
  'SCMP_ACT_KILL_PROCESS',
  'SCMP_ACT_KILL_THREAD',
  'SCMP_ACT_TRAP',
  'SCMP_ACT_LOG',
  'SCMP_ACT_TRACE',
]);
const errno = z.int().min(0).max(4095);
const argument = z.object({
  index: z.int().min(0).max(5),
  // A larger number has lost bits already, and would let other calls pass than those meant.
  value: z.int().nonnegative(),
  valueTwo: z.int().nonnegative().optional(),
  op: z.enum([
    'SCMP_CMP_NE',
    'SCMP_CMP_LT',
    'SCMP_CMP_LE',
    'SCMP_CMP_EQ',
    'SCMP_CMP_GE',
    'SCMP_CMP_GT',
    'SCMP_CMP_MASKED_EQ',
  ]),
});
const condition = z.object({
  caps: z.array(z.string()).nullish(),
  arches: z.array(z.string()).nullish(),
  minKernel: z
    .string()
    .regex(/^\d+\.\d+$/)
    .nullish(),
});
const rule = z.object({
  name: z.string().optional(),
  names: z.array(z.string()).nullish(),
  action,
  errnoRet: errno.nullish(),
  args: z.array(argument).nullish(),
  includes: condition.nullish(),
  excludes: condition.nullish(),
});
const profile = z.object({
  defaultAction: action,
  defaultErrnoRet: errno.nullish(),
  architectures: z.array(z.string()).nullish(),
  archMap: z
    .array(z.object({ architecture: z.string(), subArchitectures: z.array(z.string()).nullish() }))
    .nullish(),
  flags: z.array(z.string()).nullish(),
  syscalls: z.array(rule).nullish(),
});

type Profile = z.infer<typeof profile>;
type Condition = z.infer<typeof condition>;

/** Docker's own is 13 kB. */
const maxSize = 1024 * 1024;

/** What the conditions of a profile's rules speak of. */
export interface ProfileSubject {
  readonly architecture: SeccompArch;
  /** Bounding set of the container. */
  readonly capabilities: readonly string[];
  /** Release of the kernel, as uname(2) has it; of this machine unless told. */
  readonly kernel?: string | undefined;
}

/**
 * A profile file in Docker's format (the runtime spec's `linux.seccomp`, with `archMap` and with conditions on rules)
 * as the runtime spec has it. Throws USAGE when it cannot be read or is invalid.
 */
export function readDockerProfile(path: string, subject: ProfileSubject): SeccompConfig {
  return dockerProfile(readProfile(path), subject, path);
}

function readProfile(path: string): string {
  try {
    const { size } = statSync(path);
    if (size > maxSize) throw invalid(path, `it has ${size} bytes, the limit is ${maxSize}`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof TsbuildError) throw error;
    throw invalid(path, error instanceof Error ? error.message : String(error), error);
  }
}

/** `what` names the profile in errors. */
export function dockerProfile(text: string, subject: ProfileSubject, what: string): SeccompConfig {
  const { syscalls, ...rest } = parse(text, what);
  if (rest.architectures != null && rest.archMap != null && rest.archMap.length > 0)
    throw invalid(what, 'it has both architectures and archMap');
  return {
    defaultAction: rest.defaultAction,
    ...(rest.defaultErrnoRet != null && { defaultErrnoRet: rest.defaultErrnoRet }),
    architectures: architecturesOf(rest, subject.architecture),
    ...(rest.flags != null && { flags: rest.flags }),
    syscalls: (syscalls ?? []).flatMap((each) => {
      const { name, names, includes, excludes, action: verdict, errnoRet, args } = each;
      if (name !== undefined && names != null && names.length > 0)
        throw invalid(what, 'a rule has both name and names');
      const all = name === undefined ? (names ?? []) : [name];
      if (all.length === 0) throw invalid(what, 'a rule has no names');
      if (!isMeant(includes ?? {}, subject) || isExcluded(excludes ?? {}, subject)) return [];
      const made: SeccompRule = {
        names: all,
        action: verdict,
        ...(errnoRet != null && { errnoRet }),
        ...(args != null && args.length > 0 && { args }),
      };
      return [made];
    }),
  };
}

function parse(text: string, what: string): Profile {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw invalid(what, 'it is not JSON', error);
  }
  const result = profile.safeParse(data);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw invalid(what, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`, result.error);
}

/** Docker's words for the machines. */
const machines: Readonly<
  Record<SeccompArch, { readonly native: string; readonly names: readonly string[] }>
> = {
  x86_64: { native: 'SCMP_ARCH_X86_64', names: ['amd64', 'x86_64', 'SCMP_ARCH_X86_64'] },
  arm64: { native: 'SCMP_ARCH_AARCH64', names: ['arm64', 'aarch64', 'SCMP_ARCH_AARCH64'] },
};

function architecturesOf(given: Profile, architecture: SeccompArch): readonly string[] {
  const { native } = machines[architecture];
  if (given.architectures != null) return given.architectures;
  const mapped = given.archMap?.find((each) => each.architecture === native);
  return [native, ...(mapped?.subArchitectures ?? [])];
}

/** All of it must hold. */
function isMeant({ caps, arches, minKernel }: Condition, subject: ProfileSubject): boolean {
  return (
    (caps ?? []).every((name) => subject.capabilities.includes(name)) &&
    (arches == null || arches.length === 0 || isThisMachine(arches, subject)) &&
    (minKernel == null || isKernelAtLeast(minKernel, subject))
  );
}

/** Any of it is enough. */
function isExcluded({ caps, arches, minKernel }: Condition, subject: ProfileSubject): boolean {
  return (
    (caps ?? []).some((name) => subject.capabilities.includes(name)) ||
    (arches != null && isThisMachine(arches, subject)) ||
    (minKernel != null && isKernelAtLeast(minKernel, subject))
  );
}

function isThisMachine(arches: readonly string[], { architecture }: ProfileSubject): boolean {
  return arches.some((name) => machines[architecture].names.includes(name));
}

function isKernelAtLeast(wanted: string, { kernel = release() }: ProfileSubject): boolean {
  const [major = 0, minor = 0] = wanted.split('.').map(Number);
  const [, ownMajor = '0', ownMinor = '0'] = /^(\d+)\.(\d+)/.exec(kernel) ?? [];
  return Number(ownMajor) > major || (Number(ownMajor) === major && Number(ownMinor) >= minor);
}

function invalid(what: string, why: string, cause?: unknown): TsbuildError {
  return new TsbuildError('USAGE', `--security-opt: the seccomp profile ${what} cannot be used: ${why}`, {
    hint: "a JSON file as docker's, or seccomp=unconfined",
    cause,
  });
}
