import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';

import { fromErrno, fromText, isErrno, TsbuildError } from '../core/index.ts';
import { addon } from './addon.ts';
import { checked, errno } from './errno.ts';
import { nativePath } from './paths.ts';

/** How the launcher's own descriptors 0, 1 and 2 are made; see `Stdio` of the runtime. */
export type LauncherOutput = 'inherit' | 'pipe' | 'terminal';

export interface LauncherStreams {
  readonly output: LauncherOutput;
  /** What `inherit` and `terminal` take their input from; `stream`: from `stdin` of the launcher. */
  readonly stdin?: 'caller' | 'none' | 'stream' | undefined;
  /** Output of `inherit` and `terminal`, too, comes as streams. */
  readonly streams?: boolean | undefined;
  /** Output of `inherit` that goes nowhere instead of to the caller. */
  readonly muted?: readonly ('stdout' | 'stderr')[] | undefined;
}

/** A running launcher: native/launcher.c. */
export interface Launcher {
  /** The request and commands go in, reports come out; the launcher ends the container when it closes. */
  readonly control: Socket;
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** Its end, which is seen once `control` is destroyed or read to its end. */
  readonly ended: Promise<LauncherEnd>;
}

/** Whether it could do all that its end asks of it. */
export type LauncherEnd = 'complete' | 'failed' | 'killed';

const ignored = -1;

/**
 * Starts a launcher. From the main thread only: its death signal follows the thread that started it. The environment is
 * empty, since nothing of the host's may show in the container. Throws what the system refuses.
 */
export function startLauncher({
  output,
  stdin = 'caller',
  streams = false,
  muted = [],
}: LauncherStreams): Launcher {
  const pairs: SocketPair[] = [];
  const pair = (): SocketPair => {
    const made = socketPair();
    pairs.push(made);
    return made;
  };
  try {
    const control = pair();
    const piped = output === 'pipe';
    const input = !piped && stdin === 'stream' ? pair() : undefined;
    const [out, err] = piped || streams ? [pair(), pair()] : [];
    const silent = (name: 'stdout' | 'stderr'): boolean => output === 'inherit' && muted.includes(name);
    const program = fromText(nativePath('launcher'));
    const pid = checked(
      addon().spawn(
        program,
        `${program}\0`,
        input?.theirs ?? (piped || stdin === 'none' ? ignored : 0),
        out?.theirs ?? (silent('stdout') ? ignored : 1),
        err?.theirs ?? (silent('stderr') ? ignored : 2),
        control.theirs,
      ),
      'spawn',
    );
    const socket = streamOf(control, { readable: true, writable: true });
    return {
      control: socket,
      stdin: input && streamOf(input, { readable: false, writable: true }),
      stdout: out && streamOf(out, { readable: true, writable: false }),
      stderr: err && streamOf(err, { readable: true, writable: false }),
      ended: new Promise((resolve) => void socket.once('close', () => reap(pid, resolve))),
    };
  } catch (error) {
    for (const { ours } of pairs) closeSync(ours);
    throw isErrno(error, 'EAGAIN', 'EMFILE', 'ENFILE')
      ? limitReached(error)
      : fromErrno(error, 'start the launcher');
  } finally {
    for (const { theirs } of pairs) closeSync(theirs);
  }
}

function limitReached(cause: unknown): TsbuildError {
  return new TsbuildError('RUNTIME_SETUP', 'the launcher could not be started', {
    hint: 'the process or descriptor limit of this user may be reached (ulimit -u, ulimit -n)',
    cause,
  });
}

interface SocketPair {
  readonly ours: number;
  readonly theirs: number;
}

function socketPair(): SocketPair {
  const { socketpair, statNumbers } = addon();
  checked(socketpair(), 'socketpair');
  return { ours: statNumbers[0] ?? -1, theirs: statNumbers[1] ?? -1 };
}

function streamOf(
  { ours }: SocketPair,
  mode: { readonly readable: boolean; readonly writable: boolean },
): Socket {
  return new Socket({ fd: ours, ...mode });
}

/** A process closes its descriptors shortly before it can be waited for. */
function reap(pid: number, resolve: (end: LauncherEnd) => void, pause = 1): void {
  const status = addon().waitpid(pid);
  if (status === -errno.EAGAIN) setTimeout(() => reap(pid, resolve, Math.min(pause * 2, 50)), pause);
  else resolve(status === 0 ? 'complete' : (status & 0x7f) === 0 ? 'failed' : 'killed');
}
