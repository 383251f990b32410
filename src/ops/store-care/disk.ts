import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { DiskMeter, type DiskUse } from '../../store/index.ts';
import { namesIn } from '../../sys/index.ts';

/** Sizes on disk, each path measured once; a file with several names counts where it is met first. */
export class Disk {
  readonly #meter = new DiskMeter();
  readonly #measured = new Map<string, DiskUse>();

  /** Of a path and all below it. */
  measure(path: string): number {
    const known = this.#measured.get(path) ?? this.#meter.measure(path);
    this.#measured.set(path, known);
    return known.bytes;
  }

  /** Of a folder itself. */
  alone(path: string): number {
    return this.#meter.measureAlone(path).bytes;
  }

  /** Of a folder whose parts are measured one by one. */
  below(path: string): number {
    return this.alone(path) + sum(childrenOf(path).map((child) => this.measure(child)));
  }

  /** Of a folder without those of its files and folders that count by themselves. */
  shell(path: string, counted: ReadonlySet<string>): number {
    if (counted.has(path)) return 0;
    if (![...counted].some((each) => each.startsWith(`${path}/`))) return this.measure(path);
    return this.alone(path) + sum(namesIn(path).map((name) => this.shell(join(path, name), counted)));
  }
}

export function childrenOf(path: string): readonly string[] {
  try {
    return readdirSync(path).map((name) => join(path, name));
  } catch {
    // A file.
    return [];
  }
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
