import { TsbuildError } from '../../core/index.ts';
import type { SeccompConfig } from '../../oci/runtime-spec.ts';

import {
  BackwardWriter,
  BPF_JMP_JEQ_K,
  BPF_JMP_JGE_K,
  BPF_JMP_JGT_K,
  BPF_MAXINSNS,
  type Label,
} from './bpf.ts';
import {
  type Branch,
  type Condition,
  type Decision,
  type DecisionRange,
  decisionRanges,
  RET_KILL_PROCESS,
} from './decisions.ts';
import { defaultProfileName } from './profile.ts';
import { readyPrograms } from './ready.ts';
import { abisOf, type SeccompArch, type SyscallAbi } from './tables.ts';

/** struct seccomp_data of linux/seccomp.h. */
const numberOffset = 0;
const archOffset = 4;
const argsOffset = 16;

/**
 * A profile as the bytes of a BPF program for seccomp(2) on this machine: the interface is told apart first, then the
 * number is found by halving the ranges of equal decisions, at most nine comparisons where a rule after the other takes
 * hundreds, which the kernel would repeat for each number when it loads the filter. Throws RUNTIME_SETUP for a profile
 * that is invalid or too large.
 */
export function compileSeccomp(config: SeccompConfig, arch: SeccompArch): Buffer {
  const known = compiled.get(config)?.get(arch);
  if (known !== undefined) return known;
  const ready = readyPrograms.get(`${arch} ${defaultProfileName(config)}`);
  const program = ready === undefined ? compile(config, arch) : Buffer.from(ready, 'base64');
  compiled.set(config, (compiled.get(config) ?? new Map<SeccompArch, Buffer>()).set(arch, program));
  return program;
}

/** The steps of a build share one profile, and compiling it takes as long as starting half a container. */
const compiled = new WeakMap<SeccompConfig, Map<SeccompArch, Buffer>>();

function compile(config: SeccompConfig, arch: SeccompArch): Buffer {
  const writer = new BackwardWriter();
  let otherAbi = writer.ret(RET_KILL_PROCESS);
  for (const abi of offeredAbis(config, arch).toReversed()) {
    const start = writeAbi(writer, decisionRanges(config, abi));
    otherAbi = writer.jump(BPF_JMP_JEQ_K, abi.audit, [start, otherAbi]);
  }
  writer.load(archOffset);
  if (writer.length > BPF_MAXINSNS) {
    throw new TsbuildError('RUNTIME_SETUP', `seccomp profile: ${writer.length} instructions are too many`, {
      hint: `the kernel allows ${BPF_MAXINSNS}; use fewer rules with arguments`,
    });
  }
  return writer.bytes();
}

/** The interfaces that a filter of this profile lets a process use; others end it. */
export function offeredAbis(config: SeccompConfig, arch: SeccompArch): readonly SyscallAbi[] {
  const [native, compat] = abisOf[arch];
  return config.architectures?.includes(compat.name) === true ? [native, compat] : [native];
}

function writeAbi(writer: BackwardWriter, ranges: readonly DecisionRange[]): Label {
  const blocks = new Map<string, Label>();
  for (const { decision } of ranges) {
    if (decision.branches.length > 0 && !blocks.has(decision.key)) {
      blocks.set(decision.key, writeBranches(writer, decision));
    }
  }
  const start = writeSearch(
    writer,
    ranges,
    (decision) => blocks.get(decision.key) ?? writer.ret(decision.otherwise),
  );
  writer.continueAt(start);
  return writer.load(numberOffset);
}

/** Finds the range of the loaded number. With one range left there is nothing to compare. */
function writeSearch(
  writer: BackwardWriter,
  ranges: readonly DecisionRange[],
  target: (decision: Decision) => Label,
): Label {
  const [first] = ranges;
  if (first === undefined) throw new Error('a search needs a range');
  if (ranges.length === 1) return target(first.decision);
  const middle = ranges.length >> 1;
  const pivot = ranges[middle]?.start ?? 0;
  const upper = writeSearch(writer, ranges.slice(middle), target);
  const lower = writeSearch(writer, ranges.slice(0, middle), target);
  return writer.jump(BPF_JMP_JGE_K, pivot, [upper, lower]);
}

function writeBranches(writer: BackwardWriter, { branches, otherwise }: Decision): Label {
  return branches.reduceRight((next, branch) => writeBranch(writer, branch, next), writer.ret(otherwise));
}

/** Every condition loads what it compares, so that any place may jump to its first instruction. */
function writeBranch(writer: BackwardWriter, { conditions, result }: Branch, next: Label): Label {
  return conditions.reduceRight(
    (holds, condition) => writeCondition(writer, condition, [holds, next]),
    writer.ret(result),
  );
}

type Exits = readonly [holds: Label, fails: Label];

function writeCondition(writer: BackwardWriter, condition: Condition, [holds, fails]: Exits): Label {
  switch (condition.op) {
    case 'SCMP_CMP_EQ':
      return writeEqual(writer, condition, [holds, fails]);
    case 'SCMP_CMP_NE':
      return writeEqual(writer, condition, [fails, holds]);
    case 'SCMP_CMP_MASKED_EQ':
      return writeEqual(writer, condition, [holds, fails]);
    case 'SCMP_CMP_GE':
      return writeOrder(writer, condition, [BPF_JMP_JGE_K, [holds, fails]]);
    case 'SCMP_CMP_LT':
      return writeOrder(writer, condition, [BPF_JMP_JGE_K, [fails, holds]]);
    case 'SCMP_CMP_GT':
      return writeOrder(writer, condition, [BPF_JMP_JGT_K, [holds, fails]]);
    case 'SCMP_CMP_LE':
      return writeOrder(writer, condition, [BPF_JMP_JGT_K, [fails, holds]]);
  }
}

/** BPF compares 32 bits at a time: both halves must be equal. Halves outside a mask are not looked at. */
function writeEqual(writer: BackwardWriter, condition: Condition, [equal, unequal]: Exits): Label {
  const { index, op, value, masked } = condition;
  const isMasked = op === 'SCMP_CMP_MASKED_EQ';
  const wanted = isMasked ? masked : value;
  const mask = isMasked ? value : 0xffff_ffff_ffff_ffffn;
  const half = (offset: number, shift: bigint, then: Label): Label => {
    const bits = Number((mask >> shift) & 0xffff_ffffn);
    const k = Number((wanted >> shift) & 0xffff_ffffn);
    if (bits === 0) return k === 0 ? then : unequal;
    writer.jump(BPF_JMP_JEQ_K, k, [then, unequal]);
    if (bits !== 0xffff_ffff) writer.and(bits);
    return writer.load(offset);
  };
  return half(highOffset(index), 32n, half(lowOffset(index), 0n, equal));
}

/** The upper halves decide unless they are equal; `code` compares the lower ones. */
function writeOrder(
  writer: BackwardWriter,
  { index, value }: Condition,
  [code, [yes, no]]: readonly [number, Exits],
): Label {
  const high = Number(value >> 32n);
  writer.jump(code, Number(value & 0xffff_ffffn), [yes, no]);
  const low = writer.load(lowOffset(index));
  const equalOrLess = writer.jump(BPF_JMP_JEQ_K, high, [low, no]);
  writer.jump(BPF_JMP_JGT_K, high, [yes, equalOrLess]);
  return writer.load(highOffset(index));
}

function lowOffset(index: number): number {
  return argsOffset + index * 8;
}

/** Little-endian on all machines that have tables. */
function highOffset(index: number): number {
  return lowOffset(index) + 4;
}
