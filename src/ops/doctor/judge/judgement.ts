import type { Facts, Finding, Fix, Outcome } from '../types.ts';
import type { Need } from './needs.ts';

/** What one look at the facts comes to. */
export interface Judgement extends Omit<Finding, 'id' | 'fixes'> {
  readonly fixes?: readonly Fix[] | undefined;
  /** What the surrounding container withholds; becomes fixes where there is one. */
  readonly needs?: readonly Need[] | undefined;
}

export function ok(found: string, lost?: string): Judgement {
  return { status: 'ok', found, ...(lost !== undefined && { lost }) };
}

export function skipped(found: string): Judgement {
  return { status: 'skipped', found };
}

/** `EPERM` and the like, where something failed. */
export function codeOf(outcome: Outcome | undefined): string | undefined {
  return outcome === undefined || outcome.ok ? undefined : outcome.code;
}

export function failed(outcome: Outcome | undefined): boolean {
  return outcome?.ok === false;
}

/** Whether the kernel's version is the one given, or later. */
export function isSince(kernel: string, version: string): boolean {
  const [own, wanted] = [kernel, version].map((text) => {
    const [, major, minor] = /^(\d+)\.(\d+)/.exec(text) ?? [];
    return Number(major ?? 0) * 1000 + Number(minor ?? 0);
  });
  return (own ?? 0) >= (wanted ?? 0);
}

export function isRoot({ user }: Facts): boolean {
  return user.uid === 0;
}

/** Root may lack it, in a container; then builds go the way of ordinary users where they can. */
export function mayMount({ user }: Facts): boolean {
  return user.capabilities.includes('CAP_SYS_ADMIN');
}

export function inContainer({ surroundings }: Facts): boolean {
  return surroundings.engine !== undefined;
}

/** Binary units, as free memory and disks are told of. */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : Number(value.toPrecision(2))} ${units[unit] ?? ''}`;
}
