import type { FileTime } from '../sys/index.ts';

/** What the launcher says; see native/launcher_wire.h. */
export type Report =
  | { readonly kind: 'ready'; readonly pid: number }
  /** It waits for `continue`; `pid` as in `ready`. */
  | { readonly kind: 'hooks'; readonly pid: number }
  | { readonly kind: 'started' }
  | {
      readonly kind: 'error';
      /** Index in the plan; -1 before its first operation. */
      readonly operation: number;
      readonly errno: number;
      /** The program itself could not be executed; all else was fine. */
      readonly aboutExec: boolean;
      readonly text: string;
    }
  | { readonly kind: 'warning'; readonly operation: number; readonly errno: number; readonly text: string }
  | {
      readonly kind: 'created';
      readonly directory: boolean;
      readonly before: FileTime;
      readonly after: FileTime;
      readonly path: string;
    }
  | {
      readonly kind: 'exited';
      readonly signaled: boolean;
      readonly value: number;
      /** Of the program and all it waited for. */
      readonly cpuMicros: number;
    };

/** A frame is at most a path and a few numbers: anything larger is no launcher's. */
const frameLimit = 8192;

/** Cuts the byte stream of the control socket into reports. */
export class ReportReader {
  #held: Buffer = Buffer.alloc(0);

  /** The reports that are complete with these bytes. Throws for what no launcher sends. */
  push(bytes: Buffer): Report[] {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const reports: Report[] = [];
    while (this.#held.length >= 4) {
      const length = this.#held.readUInt32LE(0);
      if (length > frameLimit) throw new Error(`a report of ${length} bytes`);
      if (this.#held.length < 4 + length) break;
      reports.push(parseReport(this.#held.subarray(4, 4 + length)));
      this.#held = this.#held.subarray(4 + length);
    }
    return reports;
  }
}

function parseReport(frame: Buffer): Report {
  const kind = frame.toString('latin1', 0, 1);
  switch (kind) {
    case 'R':
      return { kind: 'ready', pid: frame.readUInt32LE(1) };
    case 'H':
      return { kind: 'hooks', pid: frame.readUInt32LE(1) };
    case 'S':
      return { kind: 'started' };
    case 'E':
      return {
        kind: 'error',
        operation: frame.readInt32LE(1),
        errno: frame.readInt32LE(5),
        aboutExec: frame.readUInt32LE(9) === 1,
        text: frame.toString('utf8', 13),
      };
    case 'W':
      return {
        kind: 'warning',
        operation: frame.readInt32LE(1),
        errno: frame.readInt32LE(5),
        text: frame.toString('utf8', 9),
      };
    case 'P':
      return {
        kind: 'created',
        directory: frame.readUInt32LE(1) === 1,
        before: readTime(frame, 5),
        after: readTime(frame, 21),
        path: frame.toString('utf8', 37),
      };
    case 'X':
      return {
        kind: 'exited',
        signaled: frame.readUInt32LE(1) === 1,
        value: frame.readUInt32LE(5),
        cpuMicros: Number(frame.readBigInt64LE(9)),
      };
    default:
      throw new Error(`a report of the unknown kind ${JSON.stringify(kind)}`);
  }
}

function readTime(frame: Buffer, at: number): FileTime {
  return { seconds: Number(frame.readBigInt64LE(at)), nanos: Number(frame.readBigInt64LE(at + 8)) };
}

/** For the control socket. */
export const commands = { start: 1, signal: 2, kill: 3, resize: 4, continue: 5 } as const;

export function encodeCommand(command: keyof typeof commands, argument = 0): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(commands[command], 0);
  bytes.writeUInt32LE(argument >>> 0, 4);
  return bytes;
}
