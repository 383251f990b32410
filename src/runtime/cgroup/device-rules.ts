import type { DeviceRule } from '../../oci/runtime-spec.ts';

/** A rule with nothing left open; undefined numbers are any. */
export interface FullRule {
  readonly allow: boolean;
  readonly type: 'a' | 'b' | 'c';
  readonly major: number | undefined;
  readonly minor: number | undefined;
  /** Some of `r`, `w` and `m`. */
  readonly access: string;
}

/**
 * Rules with the defaults of the spec (any type, any number, all access), and with the access of neighbouring rules for
 * the same device in one: a program that opens for reading and writing needs a single rule that allows both.
 */
export function fullRules(rules: readonly DeviceRule[]): FullRule[] {
  const full: FullRule[] = [];
  for (const rule of rules) {
    const next: FullRule = {
      allow: rule.allow,
      type: rule.type ?? 'a',
      major: anyIfNegative(rule.major),
      minor: anyIfNegative(rule.minor),
      access: rule.access === undefined || rule.access === '' ? 'rwm' : rule.access,
    };
    const before = full.at(-1);
    if (before !== undefined && sameDevices(before, next)) {
      full[full.length - 1] = { ...next, access: [...new Set(before.access + next.access)].join('') };
    } else full.push(next);
  }
  return full;
}

/** The spec writes "any" as an absent number, others as -1. */
function anyIfNegative(number: number | undefined): number | undefined {
  return number === undefined || number < 0 ? undefined : number;
}

function sameDevices(a: FullRule, b: FullRule): boolean {
  return a.allow === b.allow && a.type === b.type && a.major === b.major && a.minor === b.minor;
}

/** The line for devices.allow or devices.deny of cgroup v1; `a` alone means everything at once. */
export function v1DeviceLine(rule: FullRule): string {
  if (rule.type === 'a') return 'a';
  return `${rule.type} ${rule.major ?? '*'}:${rule.minor ?? '*'} ${rule.access}`;
}
