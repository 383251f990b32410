import { closeSync, constants, openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';

import { isErrno, TsbuildError, type ErrorCode } from '../../core/index.ts';
import type { ExecOptions } from '../../ops/index.ts';

/** What commands ask of whoever runs a container: one JSON line each, one line back. */
export type ContainerRequest =
  /** `final`: its restart policy ends with it. `keep`: it is not removed when it ends, though it was to be. */
  | {
      readonly command: 'signal';
      readonly signal: number;
      readonly final?: boolean | undefined;
      readonly keep?: boolean | undefined;
    }
  | { readonly command: 'pause'; readonly paused: boolean }
  /** In the background, with nothing for input and output. */
  | { readonly command: 'exec'; readonly options: ExecOptions }
  /** After the answer the connection carries frames; see frames.ts. `start`: one that is held begins now. */
  | AttachRequest
  | ExecAttachRequest
  /** Answered when all is over: the state written, the files of `--rm` gone. */
  | { readonly command: 'wait' };

/** One more process on a terminal of the caller's, which goes on when the caller leaves by keys. */
export interface ExecAttachRequest {
  readonly command: 'exec-attach';
  readonly options: ExecOptions;
  readonly stdin: boolean;
  readonly size?: AttachRequest['size'];
}

export interface AttachRequest {
  readonly command: 'attach';
  readonly stdin: boolean;
  readonly start: boolean;
  /** Of the caller's terminal, in characters; in time for what a program asks first. */
  readonly size?: { readonly columns: number; readonly rows: number } | undefined;
}

export type ContainerAnswer =
  | {
      readonly ok: true;
      readonly exitCode?: number | undefined;
      /** Of `attach`: it has a terminal. */
      readonly terminal?: boolean | undefined;
    }
  | {
      readonly ok: false;
      readonly error: string;
      readonly code?: ErrorCode | undefined;
      readonly hint?: string | undefined;
    };

const socketName = 'control.sock';

/** A command line and an environment at their largest. */
const longestLine = 16 * 1024 * 1024;

/**
 * The socket in the folder of a container, by a path that is short wherever the store is: a socket's may have 107 bytes
 * only. Good until it is disposed of.
 */
export function socketPath(folder: string): { readonly path: string } & Disposable {
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${fd}/${socketName}`, [Symbol.dispose]: () => closeSync(fd) };
}

/** Asks whoever runs the container whose folder this is. Throws CONTAINER_STATE when nobody answers. */
export async function askContainer(folder: string, request: ContainerRequest): Promise<ContainerAnswer> {
  const { socket, answer } = await openConversation(folder, request);
  socket.destroy();
  return answer;
}

/** The same, and the connection stays open; what follows on it is the request's business. */
export async function openConversation(
  folder: string,
  request: ContainerRequest,
): Promise<{ readonly socket: Socket; readonly answer: ContainerAnswer }> {
  let socket: Socket | undefined;
  try {
    using place = socketPath(folder);
    socket = await connected(place.path);
    socket.write(`${JSON.stringify(request)}\n`);
    const line = await readLine(socket);
    if (line !== undefined) return { socket, answer: JSON.parse(line) as ContainerAnswer };
  } catch (error) {
    socket?.destroy();
    if (!isErrno(error, 'ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE')) throw error;
    throw new TsbuildError('CONTAINER_STATE', 'the container is not running', {
      hint: 'tsbuild ps -a tells the state of each',
      cause: error,
    });
  }
  socket.destroy();
  throw new TsbuildError('CONTAINER_STATE', 'the container ended before it could answer');
}

/** Asks, and throws what the answer complains of. */
export async function demandOfContainer(folder: string, request: ContainerRequest): Promise<void> {
  const answer = await askContainer(folder, request);
  if (!answer.ok) throw refusal(answer);
}

export function refusal({ code, error, hint }: ContainerAnswer & { readonly ok: false }): TsbuildError {
  return new TsbuildError(code ?? 'CONTAINER_STATE', error, { hint });
}

/** One line without its end, leaving what follows it in the socket; undefined at its end. */
export async function readLine(socket: Socket): Promise<string | undefined> {
  let held = Buffer.alloc(0);
  for (;;) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) {
      if (socket.readableEnded || socket.destroyed || !(await isReadable(socket))) return undefined;
      continue;
    }
    held = Buffer.concat([held, chunk]);
    const end = held.indexOf(10);
    if (end >= 0) {
      if (end + 1 < held.length) socket.unshift(held.subarray(end + 1));
      return held.toString('utf8', 0, end);
    }
    if (held.length > longestLine) return undefined;
  }
}

/** False when no more will come. Throws what breaks the connection. */
function isReadable(socket: Socket): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => () => {
      for (const [event, listener] of listeners) socket.off(event, listener);
      act();
    };
    const listeners = [
      ['readable', settle(() => resolve(true))],
      ['end', settle(() => resolve(false))],
      ['close', settle(() => resolve(false))],
      ['error', (error: Error) => settle(() => reject(error))()],
    ] as const;
    for (const [event, listener] of listeners) socket.on(event, listener);
  });
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => {
      socket.off('error', reject);
      // Between two reads; the next one finds out.
      socket.on('error', () => undefined);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}
