import { closeSync, fstatSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';

import { isErrno } from '../../core/index.ts';
import type { LogOptions } from '../../ops/index.ts';

/** One line of a container's output, in docker's json-file format. */
export interface LogLine {
  /** With its line end, if the program wrote one. */
  readonly log: string;
  readonly stream: 'stdout' | 'stderr';
  /** ISO 8601. */
  readonly time: string;
}

/** What a container may fill of the disk unless it is told otherwise. */
export const defaultLogOptions: LogOptions = { maxSize: 10 * 1024 * 1024, maxFiles: 3 };

/** A line without an end is written in pieces of this many characters, so that it cannot fill the memory. */
const longestLine = 64 * 1024;

export interface LogWriter extends Disposable {
  /** Writes all that comes until its end. Never throws: a full disk must not end the program whose output this is. */
  copy(stream: LogLine['stream'], source: AsyncIterable<Buffer>): Promise<void>;
}

/** Goes on where the log of an earlier start ended. */
export function openLog(folder: string, options: LogOptions = defaultLogOptions): LogWriter {
  const file = new RotatingFile(folder, options);
  return {
    async copy(stream, source) {
      for await (const lines of linesOf(source)) {
        const time = new Date().toISOString();
        const text = lines.map((log) => `${JSON.stringify({ log, stream, time } satisfies LogLine)}\n`);
        for (const line of text) file.append(line);
      }
    },
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}

/** The file that is written to, and the older ones behind it: `log.jsonl`, `log.jsonl.1`, … */
export function logPath(folder: string, age = 0): string {
  return join(folder, age === 0 ? 'log.jsonl' : `log.jsonl.${age}`);
}

class RotatingFile implements Disposable {
  readonly #folder: string;
  readonly #options: LogOptions;
  #fd: number | undefined;
  #size = 0;
  /** The last write did not end, so that the next line begins on a line of its own. */
  #torn = false;

  constructor(folder: string, options: LogOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  append(line: string): void {
    const bytes = Buffer.from(this.#torn ? `\n${line}` : line);
    try {
      if (this.#size > 0 && this.#size + bytes.length > this.#options.maxSize) this.#rotate();
      this.#fd ??= this.#open();
      this.#torn = true;
      this.#size += writeSync(this.#fd, bytes);
      this.#torn = false;
    } catch {
      // A full disk: this line is lost, and perhaps not the next one.
    }
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #open(): number {
    const fd = openSync(logPath(this.#folder), 'a', 0o600);
    this.#size = fstatSync(fd).size;
    return fd;
  }

  #rotate(): void {
    this[Symbol.dispose]();
    this.#size = 0;
    for (let age = this.#options.maxFiles - 1; age > 0; age--) {
      try {
        renameSync(logPath(this.#folder, age - 1), logPath(this.#folder, age));
      } catch (error) {
        if (!isErrno(error, 'ENOENT')) throw error;
      }
    }
    // With one file only there is no older one to become. Whoever reads it sees that the next is another file.
    if (this.#options.maxFiles <= 1) rmSync(logPath(this.#folder), { force: true });
  }
}

async function* linesOf(source: AsyncIterable<Buffer>): AsyncGenerator<readonly string[]> {
  const decoder = new StringDecoder('utf8');
  let open = '';
  try {
    for await (const chunk of source) {
      const lines = (open + decoder.write(chunk)).split(/(?<=\n)/);
      open = lines.at(-1)?.endsWith('\n') === false ? (lines.pop() ?? '') : '';
      for (; open.length > longestLine; open = open.slice(longestLine))
        lines.push(open.slice(0, longestLine));
      yield lines;
    }
  } catch {
    // A stream that breaks has nothing more to tell; the exit status says how the program ended.
  }
  const rest = open + decoder.end();
  if (rest !== '') yield [rest];
}
