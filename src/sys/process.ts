import { spawn, type ChildProcess, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { constants } from 'node:os';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { isErrno, TsbuildError } from '../core/index.ts';

export interface ToolOptions {
  /** All of standard input; nothing unless told. */
  readonly input?: Uint8Array | string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly cwd?: string | undefined;
  /** The whole environment; this process's own unless told. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /**
   * For programs that start others: they run in a session of their own, without a terminal to ask at, and are killed
   * together.
   */
  readonly session?: boolean | undefined;
  /** Most bytes of standard output that are taken; 8 MiB unless told. More is IO_ERROR. */
  readonly limit?: number | undefined;
}

export interface ToolResult {
  /** Exit status; 128 + n after signal n, as shells count. */
  readonly status: number;
  readonly stdout: Buffer;
  /** The end of it, as text. */
  readonly stderr: string;
}

const stderrKept = 16 * 1024;

/**
 * Runs a program of the host to its end. A non-zero status is a result, not an error; a program that does not exist
 * is HOST_UNSUPPORTED, an aborted signal kills it and is INTERRUPTED.
 */
export async function runTool(
  argv: readonly [string, ...string[]],
  options: ToolOptions = {},
): Promise<ToolResult> {
  const child = start(argv, options);
  const tail = keepTail(child.stderr);
  const limit = options.limit ?? 8 * 1024 * 1024;
  const exit = exitOf(child, argv[0]);
  const chunks: Buffer[] = [];
  let size = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= limit) chunks.push(chunk);
    else killAll(child, options);
  });
  // A tool that ends without reading its input is no error of ours: its status tells.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const status = await exit;
  throwIfAborted(options.signal, argv[0]);
  if (size > limit) throw new TsbuildError('IO_ERROR', `${argv[0]} wrote more than ${limit} bytes`);
  return { status, stdout: Buffer.concat(chunks), stderr: tail() };
}

/**
 * The source's bytes through a filter program (`xz -dc`): yields its standard output as it comes, holding back a fast
 * source. Ends with IO_ERROR, and the end of what it said, when it fails; a consumer that stops early kills it.
 */
export async function* filterThrough(
  argv: readonly [string, ...string[]],
  source: AsyncIterable<Uint8Array>,
  options: Pick<ToolOptions, 'signal' | 'env'> = {},
): AsyncGenerator<Buffer, void, undefined> {
  const child = start(argv, options);
  const tail = keepTail(child.stderr);
  const exit = exitOf(child, argv[0]);
  exit.catch(() => undefined);
  let sourceError: { readonly error: unknown } | undefined;
  const feeding = pipeline(Readable.from(source, { objectMode: false }), child.stdin).catch(
    (error: unknown) => {
      // The program may end before it has read all (garbage after the end): its status tells whether that is an error.
      if (isErrno(error, 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET')) return;
      sourceError = { error };
      child.kill('SIGKILL');
    },
  );
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    const status = await exit;
    await feeding;
    throwIfAborted(options.signal, argv[0]);
    if (sourceError !== undefined) throw sourceError.error;
    if (status !== 0) {
      throw new TsbuildError('IO_ERROR', `${argv[0]} failed with status ${status}: ${tail().trim()}`);
    }
  } finally {
    child.kill('SIGKILL');
    child.stdin.destroy();
    await exit.catch(() => undefined);
  }
}

function start(
  [program, ...args]: readonly [string, ...string[]],
  options: Pick<ToolOptions, 'signal' | 'env' | 'cwd' | 'session'>,
): ChildProcessWithoutNullStreams {
  throwIfAborted(options.signal, program);
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env,
    detached: options.session === true,
  });
  const kill = (): void => killAll(child, options);
  options.signal?.addEventListener('abort', kill, { once: true });
  child.once('close', () => options.signal?.removeEventListener('abort', kill));
  return child;
}

function killAll(child: ChildProcess, { session }: Pick<ToolOptions, 'session'>): void {
  if (session !== true || child.pid === undefined) {
    child.kill('SIGKILL');
    return;
  }
  try {
    // Asked for until the last of them has closed its output: the group then still has a member, and so its number.
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error;
  }
}

function exitOf(child: ChildProcess, program: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      const missing = isErrno(error, 'ENOENT', 'EACCES');
      const why = missing ? 'is not installed' : 'cannot be started';
      reject(new TsbuildError('HOST_UNSUPPORTED', `the program ${program} ${why}`, { cause: error }));
    });
    child.once('close', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}

/** Reads a stream to its end and keeps the last part of it. */
function keepTail(stream: Readable): () => string {
  let tail = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    tail = (tail + text).slice(-stderrKept);
  });
  return () => tail;
}

function throwIfAborted(signal: AbortSignal | undefined, program: string): void {
  if (signal?.aborted !== true) return;
  throw new TsbuildError('INTERRUPTED', `interrupted while running ${program}`, { cause: signal.reason });
}
