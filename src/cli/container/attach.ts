import type { Socket } from 'node:net';

import { errorCodes, TsbuildError, type ErrorCode } from '../../core/index.ts';
import { containerFolder, type ContainerRecord, type ExecOptions } from '../../ops/index.ts';
import type { Store } from '../../store/index.ts';
import { plainOutput, writeTo } from '../../sys/index.ts';
import { defaultDetachKeys, DetachKeys } from '../detach-keys.ts';
import { printable } from '../terminal-text.ts';
import { signalContainer, waitForEnd } from './end.ts';
import { forwardSignals } from './forward.ts';
import { encodeFrame, readFrames, type Frame } from './frames.ts';
import { openConversation, refusal, type AttachRequest, type ExecAttachRequest } from './protocol.ts';

export interface AttachOptions {
  /** Pass standard input on, where the container takes any. */
  readonly stdin: boolean;
  /** It is held, and begins now. */
  readonly start: boolean;
  /** Signals of this process go to the program, unless it has a terminal. */
  readonly signals: boolean;
  /** The container's, or ctrl-p,ctrl-q. */
  readonly detachKeys?: readonly number[] | undefined;
}

/** The output of a container here, and input there, until it ends or is left by keys; gives the exit status. */
export async function attachTo(
  store: Store,
  record: ContainerRecord,
  options: AttachOptions,
): Promise<number> {
  const { stdin, start, signals } = options;
  const keys = options.detachKeys ?? record.detachKeys ?? defaultDetachKeys;
  const exit = await converse(store, record, {
    request: { command: 'attach', stdin, start, size: windowSize() },
    signals,
    keys,
  });
  if (exit === 'detached') return 0;
  if (exit === undefined) return waitForEnd(store, record);
  if (exit.warning !== undefined) process.stderr.write(`warning: ${printable(exit.warning)}\n`);
  if (exit.error === undefined) return exit.exitCode;
  throw new TsbuildError(codeOf(exit.code), exit.error, { hint: exit.hint });
}

export interface ExecAttachOptions extends ExecOptions {
  readonly interactive: boolean;
  readonly detachKeys: readonly number[];
}

/** One more process, on this terminal, which keys leave running; gives its exit status. */
export async function execAttached(
  store: Store,
  record: ContainerRecord,
  { interactive, detachKeys, ...options }: ExecAttachOptions,
): Promise<number> {
  const exit = await converse(store, record, {
    request: { command: 'exec-attach', options, stdin: interactive, size: windowSize() },
    signals: false,
    keys: detachKeys,
  });
  if (exit === 'detached') return 0;
  if (exit !== undefined) return exit.exitCode;
  throw new TsbuildError('CONTAINER_STATE', 'the container has ended');
}

interface Conversation {
  readonly request: AttachRequest | ExecAttachRequest;
  readonly signals: boolean;
  readonly keys: readonly number[];
}

/** Input, output and the window's size go back and forth until the end, or until it is left. */
async function converse(
  store: Store,
  record: ContainerRecord,
  { request, signals, keys }: Conversation,
): Promise<Exit | 'detached' | undefined> {
  const { socket, answer } = await openConversation(containerFolder(store, record.id), request);
  if (!answer.ok) {
    socket.destroy();
    throw refusal(answer);
  }
  const terminal = answer.terminal === true;
  await using _signals = signals && !terminal ? forwardSignals(programOf(store, record)) : undefined;
  using _window = terminal ? followWindow(socket) : undefined;
  using _input = request.stdin ? passInput(socket, terminal ? new DetachKeys(keys) : undefined) : undefined;
  return await passOutput(socket);
}

function codeOf(code: string | undefined): ErrorCode {
  return code !== undefined && Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : 'RUNTIME_SETUP';
}

type Exit = Frame & { readonly kind: 'exit' };

/** Undefined when the connection broke before the end. */
async function passOutput(socket: Socket): Promise<Exit | 'detached' | undefined> {
  for await (const frame of readFrames(socket)) {
    if (frame.kind === 'stdout') await writeTo(process.stdout, frame.bytes);
    if (frame.kind === 'stderr') await writeTo(process.stderr, frame.bytes);
    if (frame.kind === 'exit') return frame;
  }
  return leftByKeys.has(socket) ? 'detached' : undefined;
}

const leftByKeys = new WeakSet<Socket>();

/** `keys`: those that leave; with them every other key is the program's, once this terminal is raw. */
function passInput(socket: Socket, keys: DetachKeys | undefined): Disposable {
  const raw = keys !== undefined && process.stdin.isTTY;
  if (raw) makeRaw();
  const onData = (typed: Buffer): void => {
    const { bytes, detached } = keys === undefined ? { bytes: typed, detached: false } : keys.push(typed);
    if (bytes.length > 0 && !socket.write(encodeFrame({ kind: 'stdin', bytes }))) {
      process.stdin.pause();
      socket.once('drain', () => process.stdin.resume());
    }
    if (!detached) return;
    leftByKeys.add(socket);
    socket.write(encodeFrame({ kind: 'detach' }));
    socket.destroySoon();
  };
  const onEnd = (): void => void socket.write(encodeFrame({ kind: 'stdin-end' }));
  process.stdin.on('data', onData);
  process.stdin.once('end', onEnd);
  return {
    [Symbol.dispose]: () => {
      process.stdin.off('data', onData);
      process.stdin.off('end', onEnd);
      process.stdin.pause();
      if (raw) process.stdin.setRawMode(false);
      // A pipe that stays open would keep this process waiting for it.
      process.stdin.unref();
    },
  };
}

/** What the terminal inside sends is meant as it is. */
function makeRaw(): void {
  process.stdin.setRawMode(true);
  plainOutput(0);
}

function windowSize(): { readonly columns: number; readonly rows: number } | undefined {
  const { columns, rows } = process.stdout;
  return process.stdout.isTTY && columns > 0 ? { columns, rows } : undefined;
}

function followWindow(socket: Socket): Disposable {
  const tell = (): void => {
    const size = windowSize();
    if (size !== undefined) socket.write(encodeFrame({ kind: 'resize', ...size }));
  };
  process.stdout.on('resize', tell);
  return { [Symbol.dispose]: () => void process.stdout.off('resize', tell) };
}

function programOf(store: Store, record: ContainerRecord): Parameters<typeof forwardSignals>[0] {
  const SIGKILL = 9;
  return {
    signal: (signal) => signalContainer(store, record, { signal }),
    kill: () => signalContainer(store, record, { signal: SIGKILL, final: true }),
  };
}
