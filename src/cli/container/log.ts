import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { once } from 'node:events';
import type { Readable } from 'node:stream';

import { isErrno } from '../../core/index.ts';

/** One line of a container's output, in docker's json-file format. */
export interface LogLine {
  /** With its line end, if the program wrote one. */
  readonly log: string;
  readonly stream: 'stdout' | 'stderr';
  /** ISO 8601. */
  readonly time: string;
}

/** A line without an end is written in pieces of this many characters, so that it cannot fill the memory. */
const longestLine = 64 * 1024;

export interface LogWriter extends AsyncDisposable {
  /** Writes all that comes until its end. Never throws: a full disk must not end the program whose output this is. */
  copy(stream: LogLine['stream'], source: Readable | undefined): Promise<void>;
}

export function openLog(folder: string): LogWriter {
  const file = createWriteStream(logPath(folder), { flags: 'a', mode: 0o600 });
  let broken = false;
  file.on('error', () => {
    broken = true;
  });
  const write = async (stream: LogLine['stream'], log: string): Promise<void> => {
    const line: LogLine = { log, stream, time: new Date().toISOString() };
    if (broken || file.write(`${JSON.stringify(line)}\n`)) return;
    await Promise.race([once(file, 'drain'), once(file, 'close')]).catch(() => undefined);
  };
  return {
    async copy(stream, source) {
      for await (const line of linesOf(source)) await write(stream, line);
    },
    [Symbol.asyncDispose]: async () => {
      if (broken || file.closed) return;
      file.end();
      await once(file, 'close').catch(() => undefined);
    },
  };
}

async function* linesOf(source: Readable | undefined): AsyncGenerator<string> {
  if (source === undefined) return;
  const decoder = new StringDecoder('utf8');
  let open = '';
  try {
    for await (const chunk of source) {
      const lines = (open + decoder.write(chunk as Buffer)).split(/(?<=\n)/);
      open = lines.at(-1)?.endsWith('\n') === false ? (lines.pop() ?? '') : '';
      yield* lines;
      for (; open.length > longestLine; open = open.slice(longestLine)) yield open.slice(0, longestLine);
    }
  } catch {
    // A stream that breaks has nothing more to tell; the exit status says how the program ended.
  }
  const rest = open + decoder.end();
  if (rest !== '') yield rest;
}

/** The lines so far; none of a container that has no log. */
export async function* readLog(folder: string): AsyncGenerator<LogLine> {
  const input = createReadStream(logPath(folder));
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      const parsed = parseLine(line);
      if (parsed !== undefined) yield parsed;
    }
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  } finally {
    input.destroy();
  }
}

/** Undefined for a line that is still on its way, or was when the monitor was killed. */
function parseLine(line: string): LogLine | undefined {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return undefined;
  }
}

function logPath(folder: string): string {
  return join(folder, 'log.jsonl');
}
