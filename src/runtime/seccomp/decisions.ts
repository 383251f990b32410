import { TsbuildError } from '../../core/index.ts';
import { seccompOperators } from '../../oci/index.ts';
import type { SeccompAction, SeccompArg, SeccompConfig, SeccompRule } from '../../oci/runtime-spec.ts';

import type { SyscallAbi } from './tables.ts';

/** One test of a 64-bit argument register. Masks are all ones except for MASKED_EQ. */
export interface Condition {
  readonly index: number;
  readonly op: SeccompArg['op'];
  readonly value: bigint;
  /** For MASKED_EQ: what the argument must be under the mask `value`. */
  readonly masked: bigint;
}

/** If all conditions hold, the filter returns `result`. */
export interface Branch {
  readonly conditions: readonly Condition[];
  readonly result: number;
}

/** What happens to a system call: the first branch that holds, else `otherwise` (SECCOMP_RET values). */
export interface Decision {
  readonly branches: readonly Branch[];
  readonly otherwise: number;
  /** Equal keys, equal behaviour. */
  readonly key: string;
}

/** The decision of all numbers from `start` to the start of the next range, or to 2^32. */
export interface DecisionRange {
  readonly start: number;
  readonly decision: Decision;
}

const EPERM = 1;
const ENOSYS = 38;
const RET_ERRNO = 0x0005_0000;
const RET_ALLOW = 0x7fff_0000;
/** For a system call interface that the profile does not name. */
export const RET_KILL_PROCESS = 0x8000_0000;

/** MAX_ERRNO of the kernel. */
const maxErrno = 4095;

/**
 * Without these a program cannot even end: a C library whose exit_group fails spins for ever, and a signal handler that
 * cannot return crashes in ways that nobody connects with a profile.
 */
const alwaysAllowed: ReadonlySet<string> = new Set(['exit', 'exit_group', 'rt_sigreturn', 'sigreturn']);

/** From here on numbers are ARM's private calls, no sign of how new a kernel the profile knows. */
const firstPrivate = 0x000f_0000;

/**
 * What a profile says about every number of an interface. Rules count in their order; names that the interface lacks
 * are ignored, as libseccomp does. Calls newer than any that the profile names get ENOSYS instead of a refusal, as
 * under runc: programs then fall back to the older call. Throws RUNTIME_SETUP for what the profile must not hold.
 */
export function decisionRanges(config: SeccompConfig, abi: SyscallAbi): DecisionRange[] {
  const refused = decisionOf([], resultOf(config.defaultAction, config.defaultErrnoRet));
  const unknown = isPermissive(config.defaultAction) ? refused : noSuchCall;
  const decisions = decisionsByNumber(config, abi, refused.otherwise);
  const newest = Math.max(-1, ...[...decisions.keys()].filter((number) => number < firstPrivate));
  for (const name of alwaysAllowed) {
    const number = abi.numbers.get(name);
    if (number !== undefined) decisions.set(number, allowed);
  }

  const ranges: DecisionRange[] = [];
  const add = (start: number, decision: Decision): void => {
    if (ranges.at(-1)?.decision.key !== decision.key) ranges.push({ start, decision });
  };
  const gap = (start: number, end: number): void => {
    if (start < end && start <= newest) add(start, refused);
    const beyond = Math.max(start, newest + 1);
    if (beyond < end) add(beyond, unknown);
  };
  let next = 0;
  for (const [number, decision] of [...decisions].sort(([a], [b]) => a - b)) {
    gap(next, number);
    add(number, decision);
    next = number + 1;
  }
  gap(next, abi.end);
  // A call under another interface's number would pass the filter unseen.
  if (abi.end <= 0xffff_ffff) add(abi.end, noSuchCall);
  return ranges;
}

function decisionsByNumber(config: SeccompConfig, abi: SyscallAbi, otherwise: number): Map<number, Decision> {
  const branchesByNumber = new Map<number, readonly Branch[]>();
  for (const rule of config.syscalls ?? []) {
    const branches = branchesOf(rule);
    for (const name of rule.names) {
      const number = abi.numbers.get(name);
      if (number === undefined) continue;
      const earlier = branchesByNumber.get(number);
      branchesByNumber.set(number, earlier === undefined ? branches : [...earlier, ...branches]);
    }
  }
  // Most numbers share the branches of one rule with hundreds of names.
  const decided = new Map<readonly Branch[], Decision>();
  const decisions = new Map<number, Decision>();
  for (const [number, branches] of branchesByNumber) {
    const decision = decided.get(branches) ?? decisionOf(branches, otherwise);
    decided.set(branches, decision);
    decisions.set(number, decision);
  }
  return decisions;
}

/** Nothing after a branch without conditions can ever count. */
function decisionOf(all: readonly Branch[], fallback: number): Decision {
  const final = all.findIndex(({ conditions }) => conditions.length === 0);
  const branches = final < 0 ? all : all.slice(0, final);
  const otherwise = all[final]?.result ?? fallback;
  const parts = branches.map(({ conditions, result }) => {
    const tests = conditions.map(({ index, op, value, masked }) => `${index} ${op} ${value} ${masked}`);
    return `${tests.join(' & ')} -> ${result}`;
  });
  return { branches, otherwise, key: [...parts, String(otherwise)].join('; ') };
}

const allowed = decisionOf([], RET_ALLOW);
const noSuchCall = decisionOf([], RET_ERRNO | ENOSYS);

/**
 * All conditions of a rule must hold; but a rule with two on one argument means either of them, for so runc has always
 * read them, and profiles are written for it.
 */
function branchesOf(rule: SeccompRule): Branch[] {
  if (rule.names.length === 0) throw invalid('a rule without names');
  const result = resultOf(rule.action, rule.errnoRet);
  const conditions = (rule.args ?? []).map(conditionOf);
  const indexes = new Set(conditions.map(({ index }) => index));
  if (indexes.size === conditions.length) return [{ conditions, result }];
  return conditions.map((condition) => ({ conditions: [condition], result }));
}

const operators: ReadonlySet<string> = new Set(seccompOperators);

function conditionOf({ index, op, value, valueTwo = 0 }: SeccompArg): Condition {
  if (!Number.isInteger(index) || index < 0 || index > 5) throw invalid(`argument index ${index}`);
  if (!operators.has(op)) throw invalid(`operator ${JSON.stringify(op)}`);
  return { index, op, value: wordOf(value), masked: op === 'SCMP_CMP_MASKED_EQ' ? wordOf(valueTwo) : 0n };
}

/** A larger number has already lost bits on its way through JSON, and the wrong call would be allowed. */
function wordOf(value: number): bigint {
  if (!Number.isSafeInteger(value) || value < 0) throw invalid(`argument value ${value}`);
  return BigInt(value);
}

/** The SECCOMP_RET value of linux/seccomp.h. */
function resultOf(action: SeccompAction, errno = EPERM): number {
  if (!Number.isInteger(errno) || errno < 0 || errno > maxErrno) throw invalid(`errnoRet ${errno}`);
  switch (action) {
    case 'SCMP_ACT_ALLOW':
      return RET_ALLOW;
    case 'SCMP_ACT_LOG':
      return 0x7ffc_0000;
    case 'SCMP_ACT_TRACE':
      return 0x7ff0_0000 | errno;
    case 'SCMP_ACT_ERRNO':
      return RET_ERRNO | errno;
    case 'SCMP_ACT_TRAP':
      return 0x0003_0000;
    case 'SCMP_ACT_KILL_PROCESS':
      return RET_KILL_PROCESS;
    case 'SCMP_ACT_KILL':
    case 'SCMP_ACT_KILL_THREAD':
      return 0;
    default:
      // A profile is a foreign file: an action of a later version must not end as another one.
      throw invalid(`action ${JSON.stringify(action satisfies never)}`);
  }
}

/** A tracer answers for calls it does not know; the others of these let them pass anyway. */
function isPermissive(action: SeccompAction): boolean {
  return action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG' || action === 'SCMP_ACT_TRACE';
}

function invalid(what: string): TsbuildError {
  return new TsbuildError('RUNTIME_SETUP', `seccomp profile: unsupported ${what}`, {
    hint: 'the profile must follow the OCI runtime specification (config-linux.md, Seccomp)',
  });
}
