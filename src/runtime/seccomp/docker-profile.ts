import { readFileSync, statSync } from 'node:fs';
import { release } from 'node:os';

import { TsbuildError } from '../../core/index.ts';
import type { SeccompConfig, SeccompRule } from '../../oci/runtime-spec.ts';
import type { Condition, Profile } from './docker-profile-schema.ts';
import type { SeccompArch } from './tables.ts';

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
export async function readDockerProfile(path: string, subject: ProfileSubject): Promise<SeccompConfig> {
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
export async function dockerProfile(
  text: string,
  subject: ProfileSubject,
  what: string,
): Promise<SeccompConfig> {
  const { syscalls, ...rest } = await parse(text, what);
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

/** The schema is loaded when a profile is named, which is rare: every start would pay for it. */
async function parse(text: string, what: string): Promise<Profile> {
  const { profile } = await import('./docker-profile-schema.ts');
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
