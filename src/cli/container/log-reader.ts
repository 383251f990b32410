import { closeSync, fstatSync, openSync, readSync, statSync, watch } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { isErrno } from '../../core/index.ts';
import { logPath, type LogLine } from './log.ts';

export interface LogQuery {
  /** Only the last so many lines of those that are there. */
  readonly tail?: number | undefined;
  /** Milliseconds since 1970; both ends belong to it. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** New lines, too, until this is aborted: the container has ended, or nobody wants any more. */
  readonly follow?: AbortSignal | undefined;
}

/** The lines of a container's log, oldest first; none when it has no log. */
export async function* readLog(folder: string, query: LogQuery = {}): AsyncGenerator<LogLine> {
  using files = new LogFiles(folder);
  const { tail, follow } = query;
  const wanted = (line: LogLine): boolean => inRange(line, query);
  if (tail === undefined) yield* parsed(files.lines(), wanted);
  else yield* lastOf(parsed(files.lines(), wanted), tail);
  if (follow === undefined) return;
  using changes = changesOf(folder, follow);
  while (!follow.aborted && Date.now() <= (query.until ?? Infinity)) {
    yield* parsed(files.lines(), wanted);
    await changes.next();
  }
  yield* parsed(files.lines(), wanted);
}

/** Whether it ever printed anything in the background. */
export function hasLog(folder: string): boolean {
  return inodeOf(logPath(folder)) !== undefined;
}

function inRange({ time }: LogLine, { since = -Infinity, until = Infinity }: LogQuery): boolean {
  const at = Date.parse(time);
  return at >= since && at <= until;
}

function* parsed(lines: Iterable<string>, wanted: (line: LogLine) => boolean): Generator<LogLine> {
  for (const text of lines) {
    const line = parseLine(text);
    if (line !== undefined && wanted(line)) yield line;
  }
}

function lastOf(lines: Iterable<LogLine>, count: number): readonly LogLine[] {
  const last: LogLine[] = [];
  if (count === 0) {
    // Read all the same: what follows is new.
    for (const _ of lines) continue;
    return [];
  }
  for (const line of lines) {
    last.push(line);
    // In large steps: moving a long list at every line would cost its square.
    if (last.length >= count * 2 + 1024) last.splice(0, last.length - count);
  }
  return last.slice(-count);
}

/** Undefined for a line that was on its way when the monitor was killed, or the disk was full. */
function parseLine(text: string): LogLine | undefined {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return undefined;
  }
}

/** More files than any log has. */
const oldest = 10_000;

/** Reads from file to newer file, though they are renamed meanwhile. */
class LogFiles implements Disposable {
  readonly #folder: string;
  #fd: number | undefined;
  #held: Buffer = Buffer.alloc(0);

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** All whole lines that have not been read before. */
  *lines(): Generator<string> {
    this.#fd ??= this.#openOldest();
    while (this.#fd !== undefined) {
      yield* this.#rest(this.#fd);
      const next = this.#openNext(this.#fd);
      if (next === undefined) return;
      // It is not written to any more: what came until it was renamed.
      yield* this.#rest(this.#fd);
      closeSync(this.#fd);
      this.#held = Buffer.alloc(0);
      this.#fd = next;
    }
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  *#rest(fd: number): Generator<string> {
    const chunk = Buffer.alloc(256 * 1024);
    for (let length = readSync(fd, chunk); length > 0; length = readSync(fd, chunk)) {
      this.#held = Buffer.concat([this.#held, chunk.subarray(0, length)]);
      const end = this.#held.lastIndexOf(10);
      if (end < 0) continue;
      const lines = this.#held.toString('utf8', 0, end).split('\n');
      this.#held = Buffer.from(this.#held.subarray(end + 1));
      yield* lines;
    }
  }

  #openOldest(): number | undefined {
    let fd: number | undefined;
    for (let age = 0; age < oldest; age++) {
      const older = tryOpen(logPath(this.#folder, age));
      if (older === undefined) break;
      if (fd !== undefined) closeSync(fd);
      fd = older;
    }
    return fd;
  }

  /** The next newer one; undefined when this is the newest. */
  #openNext(fd: number): number | undefined {
    const { ino } = fstatSync(fd);
    for (let age = 0; age < oldest; age++) {
      const found = inodeOf(logPath(this.#folder, age));
      if (found === ino) return age === 0 ? undefined : tryOpen(logPath(this.#folder, age - 1));
      // It has been removed for its age: the oldest that is left follows it.
      if (found === undefined) return age === 0 ? undefined : this.#openOldest();
    }
    return undefined;
  }
}

function tryOpen(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

/** `next` resolves after a change of the folder, at the abort, and now and then. */
function changesOf(folder: string, abort: AbortSignal): { next(): Promise<void> } & Disposable {
  let wake = Promise.withResolvers<undefined>();
  const changed = (): void => wake.resolve(undefined);
  abort.addEventListener('abort', changed);
  const watcher = watchFolder(folder, changed);
  return {
    async next() {
      const timer = new AbortController();
      const late = sleep(1000, undefined, { signal: timer.signal }).catch(() => undefined);
      if (!abort.aborted) await Promise.race([wake.promise, late]);
      timer.abort();
      wake = Promise.withResolvers();
    },
    [Symbol.dispose]: () => {
      abort.removeEventListener('abort', changed);
      watcher?.close();
    },
  };
}

/** Undefined where all watches of the user are in use: then time alone has to do. */
function watchFolder(folder: string, changed: () => void): ReturnType<typeof watch> | undefined {
  try {
    const watcher = watch(folder, changed);
    watcher.on('error', () => undefined);
    return watcher;
  } catch {
    return undefined;
  }
}
