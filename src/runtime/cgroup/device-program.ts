import type { DeviceRule } from '../../oci/runtime-spec.ts';
import { fullRules, type FullRule } from './device-rules.ts';

/**
 * cgroup v2 has no files for devices: a BPF_PROG_TYPE_CGROUP_DEVICE program decides. Its context is struct
 * bpf_cgroup_dev_ctx of linux/bpf.h: u32 access_type (the access in the upper half, the type in the lower), u32 major,
 * u32 minor; it returns 1 to allow.
 */
const types = { b: 1, c: 2 } as const;
const accesses: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };
const allAccess = 7;

/** Registers: the context, then what is read from it. Register 1 is free once that is done. */
const result = 0;
const context = 1;
const scratch = 1;
const type = 2;
const access = 3;
const major = 4;
const minor = 5;

interface Instruction {
  readonly code: number;
  readonly to: number;
  readonly from?: number;
  readonly offset?: number;
  readonly value?: number;
}

const loadWord = (to: number, offset: number): Instruction => ({ code: 0x61, to, from: context, offset });
const copy = (to: number, from: number): Instruction => ({ code: 0xbf, to, from });
const set = (to: number, value: number): Instruction => ({ code: 0xb7, to, value });
const and = (to: number, value: number): Instruction => ({ code: 0x57, to, value });
const shiftRight = (to: number, value: number): Instruction => ({ code: 0x77, to, value });
const exit: Instruction = { code: 0x95, to: 0 };

/** Leaves the rule when the comparison holds; the distance is filled in when the rule's length is known. */
const unlessEqual = (to: number, value: number): Instruction => ({ code: 0x55, to, value });
const ifEqual = (to: number, value: number): Instruction => ({ code: 0x15, to, value });

/**
 * The rules as the bytes of a program. As in v1 a later rule wins over an earlier one, so the last is asked first; what
 * no rule speaks of is denied. A golden test holds the bytes.
 */
export function deviceProgram(rules: readonly DeviceRule[]): Uint8Array {
  const program: Instruction[] = [
    loadWord(type, 0),
    copy(access, type),
    shiftRight(access, 16),
    and(type, 0xffff),
    loadWord(major, 4),
    loadWord(minor, 8),
  ];
  const full = [denyAll, ...fullRules(rules)];
  // What comes before a rule for everything is never asked, and the verifier refuses instructions never reached.
  const last = full.findLastIndex((rule) => checksOf(rule).length === 0);
  for (const rule of full.slice(last).toReversed()) program.push(...ruleInstructions(rule));
  return encode(program);
}

const denyAll: FullRule = { allow: false, type: 'a', major: undefined, minor: undefined, access: 'rwm' };

function checksOf(rule: FullRule): Instruction[] {
  return [
    ...(rule.type === 'a' ? [] : [unlessEqual(type, types[rule.type])]),
    ...accessChecks(rule),
    ...(rule.major === undefined ? [] : [unlessEqual(major, rule.major)]),
    ...(rule.minor === undefined ? [] : [unlessEqual(minor, rule.minor)]),
  ];
}

function ruleInstructions(rule: FullRule): Instruction[] {
  const checks = checksOf(rule);
  const block = [...checks, set(result, rule.allow ? 1 : 0), exit];
  return block.map((instruction, index) =>
    isJump(instruction) ? { ...instruction, offset: block.length - index - 1 } : instruction,
  );
}

/** Allowing needs every kind of access asked for to be in the rule; one forbidden kind is enough to deny. */
function accessChecks(rule: FullRule): Instruction[] {
  const mask = Object.entries(accesses).reduce(
    (bits, [letter, bit]) => (rule.access.includes(letter) ? bits | bit : bits),
    0,
  );
  if (mask === allAccess) return [];
  return rule.allow
    ? [copy(scratch, access), and(scratch, allAccess & ~mask), unlessEqual(scratch, 0)]
    : [copy(scratch, access), and(scratch, mask), ifEqual(scratch, 0)];
}

function isJump({ code }: Instruction): boolean {
  return code === 0x55 || code === 0x15;
}

/** struct bpf_insn: u8 code, two registers in one byte, s16 offset, s32 immediate. */
function encode(program: readonly Instruction[]): Uint8Array {
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(({ code, to, from = 0, offset = 0, value = 0 }, index) => {
    const at = index * 8;
    bytes.writeUInt8(code, at);
    bytes.writeUInt8(to | (from << 4), at + 1);
    bytes.writeInt16LE(offset, at + 2);
    bytes.writeInt32LE(value, at + 4);
  });
  return bytes;
}
