import type { Measurement, Timed } from '../measure.ts';
import type { Tool } from '../tools/types.ts';

export interface Row {
  readonly what: string;
  /** How many times as long the better of the others is to take at least. */
  readonly target?: number | undefined;
}

/** By name of the row. */
export type Measurements = Readonly<Record<string, Measurement>>;

/** A room of its own for one measurement. */
export interface Place {
  /** Empty, and used by no other. */
  readonly folder: string;
  /** Different from build to build and from run to run, so that no tool knows a step or a file by it. */
  readonly mark: string;
  /** How much work: 1, or what `--scale` says. */
  readonly scale: number;
  /** The base's files unpacked, for floors. */
  readonly rootfs: string;
  /** `127.0.0.1:PORT` of a registry without TLS. */
  readonly registry: string;
}

export interface Case {
  readonly group: string;
  readonly rows: Readonly<Record<string, Row>>;
  /** One round of one tool. What the tool cannot do is left out. */
  measure(tool: Tool, place: Place): Promise<Measurements>;
  /** The least that a machine can do it in: commands for each row that has one. */
  floor(place: Place): Promise<Readonly<Record<string, Timed>>>;
}

/** What every command line in JavaScript costs. */
export const emptyNode: Timed = { argv: [process.execPath, '-e', '0'] };

export function shell(script: string, ...args: readonly string[]): Timed {
  return { argv: ['bash', '-ec', script, 'bash', ...args] };
}
