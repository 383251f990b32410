import { spawn, type ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';

import { fromErrno, TsbuildError } from '../core/index.ts';
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
  readonly process: ChildProcess;
  /** The request and commands go in, reports come out; the launcher ends the container when it closes. */
  readonly control: Socket;
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
}

/**
 * Starts a launcher. From the main thread only: its death signal follows the thread that started it. The environment is
 * empty, since nothing of the host's may show in the container.
 */
export function startLauncher({
  output,
  stdin = 'caller',
  streams = false,
  muted = [],
}: LauncherStreams): Launcher {
  let child: ChildProcess;
  try {
    const out = (name: 'stdout' | 'stderr'): 'pipe' | 'ignore' | 'inherit' => {
      if (output === 'pipe' || streams) return 'pipe';
      return output === 'inherit' && muted.includes(name) ? 'ignore' : 'inherit';
    };
    const input = output === 'pipe' || stdin === 'none' ? 'ignore' : stdin === 'stream' ? 'pipe' : 'inherit';
    child = spawn(nativePath('launcher'), [], {
      cwd: '/',
      env: {},
      stdio: [input, out('stdout'), out('stderr'), 'pipe'],
    });
  } catch (error) {
    throw fromErrno(error, 'start the launcher');
  }
  // A failure to start comes as an event; the control socket's end, which follows it, is what is waited for.
  child.on('error', () => undefined);
  const control = child.stdio[3];
  if (!(control instanceof Socket)) {
    throw new TsbuildError('RUNTIME_SETUP', 'the launcher could not be started', {
      hint: 'the process or descriptor limit of this user may be reached (ulimit -u, ulimit -n)',
    });
  }
  return {
    process: child,
    control,
    stdin: child.stdin ?? undefined,
    stdout: child.stdout ?? undefined,
    stderr: child.stderr ?? undefined,
  };
}
