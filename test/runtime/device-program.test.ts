import { describe, expect, it } from 'vitest';
import type { DeviceRule } from '../../src/oci/runtime-spec.ts';
import { deviceProgram } from '../../src/runtime/cgroup/index.ts';
import { defaultDeviceRules } from '../../src/runtime/index.ts';

const kinds = { b: 1, c: 2 } as const;
const bits = { m: 1, r: 2, w: 4 } as const;

interface Access {
  readonly type: keyof typeof kinds;
  readonly major: number;
  readonly minor: number;
  readonly access: readonly (keyof typeof bits)[];
}

/** Runs the few instructions that the compiler uses, as linux/bpf.h defines them. */
function run(program: Uint8Array, { type, major, minor, access }: Access): boolean {
  const bytes = Buffer.from(program);
  const context = [kinds[type] | (access.reduce((sum, letter) => sum | bits[letter], 0) << 16), major, minor];
  const registers = new Array<number>(11).fill(0);
  for (let at = 0; ; at++) {
    const code = bytes.readUInt8(at * 8);
    const to = bytes.readUInt8(at * 8 + 1) & 15;
    const from = bytes.readUInt8(at * 8 + 1) >> 4;
    const offset = bytes.readInt16LE(at * 8 + 2);
    const value = bytes.readInt32LE(at * 8 + 4);
    const held = registers[to] ?? 0;
    if (code === 0x61) registers[to] = context[offset / 4] ?? NaN;
    else if (code === 0xbf) registers[to] = registers[from] ?? NaN;
    else if (code === 0xb7) registers[to] = value;
    else if (code === 0x57) registers[to] = held & value;
    else if (code === 0x77) registers[to] = held >>> value;
    else if (code === 0x55) at += held === value ? 0 : offset;
    else if (code === 0x15) at += held === value ? offset : 0;
    else if (code === 0x95) return registers[0] === 1;
    else throw new Error(`unknown instruction ${code}`);
  }
}

const all = ['r', 'w', 'm'] as const;

describe('the device program of cgroup v2', () => {
  it('golden: the default rules', async () => {
    const words = Buffer.from(deviceProgram(defaultDeviceRules)).toString('hex').match(/.{16}/g) ?? [];
    await expect(`${words.join('\n')}\n`).toMatchFileSnapshot('goldens/device-program.txt');
  });

  const cases: [what: string, access: Access, allowed: boolean][] = [
    ['/dev/null', { type: 'c', major: 1, minor: 3, access: all }, true],
    ['/dev/mem', { type: 'c', major: 1, minor: 1, access: ['r'] }, false],
    ['a node of it', { type: 'c', major: 1, minor: 1, access: ['m'] }, true],
    ['a disk', { type: 'b', major: 8, minor: 0, access: ['r'] }, false],
    ['a node of a disk', { type: 'b', major: 8, minor: 0, access: ['m'] }, true],
    ['a terminal', { type: 'c', major: 136, minor: 77, access: ['r', 'w'] }, true],
    [
      'block 1:3, which only shares its numbers with /dev/null',
      { type: 'b', major: 1, minor: 3, access: ['r'] },
      false,
    ],
  ];
  it.each(cases)('R-25 %s', (_, access, allowed) => {
    expect(run(deviceProgram(defaultDeviceRules), access)).toBe(allowed);
  });

  const rulesCases: [name: string, rules: DeviceRule[], access: Access, allowed: boolean][] = [
    ['nothing said is denied', [], { type: 'c', major: 1, minor: 3, access: ['r'] }, false],
    ['all allowed', [{ allow: true }], { type: 'b', major: 8, minor: 0, access: all }, true],
    [
      'a later rule wins',
      [{ allow: true }, { allow: false, type: 'c', major: 10, minor: 229 }],
      { type: 'c', major: 10, minor: 229, access: ['r'] },
      false,
    ],
    [
      'one denied kind denies',
      [{ allow: true }, { allow: false, type: 'b', access: 'w' }],
      { type: 'b', major: 8, minor: 0, access: ['r', 'w'] },
      false,
    ],
    [
      'another kind does not',
      [{ allow: true }, { allow: false, type: 'b', access: 'w' }],
      { type: 'b', major: 8, minor: 0, access: ['r'] },
      true,
    ],
    [
      'neighbouring rules of one device count together',
      [
        { allow: true, type: 'c', major: 5, minor: 1, access: 'r' },
        { allow: true, type: 'c', major: 5, minor: 1, access: 'w' },
      ],
      { type: 'c', major: 5, minor: 1, access: ['r', 'w'] },
      true,
    ],
    [
      '-1 is any number',
      [{ allow: true, type: 'c', major: 5, minor: -1 }],
      { type: 'c', major: 5, minor: 9, access: ['r'] },
      true,
    ],
  ];
  it.each(rulesCases)('%s', (_, rules, access, allowed) => {
    expect(run(deviceProgram(rules), access)).toBe(allowed);
  });
});
