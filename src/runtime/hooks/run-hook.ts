import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';

import { isErrno } from '../../core/index.ts';
import type { HookConfig } from '../../oci/runtime-spec.ts';

/** Of what a hook prints so much is told, the end of it: errors come last. */
const outputLimit = 2048;

/** Milliseconds; a timer of Node's that is longer fires at once. */
const longestTimer = 2 ** 31 - 1;

/**
 * Runs a hook on the host to its end, with the state on its standard input. Undefined when it has done what it should;
 * else how it failed, as `ended with 3: …`. Its environment is what the hook says and nothing of this process's.
 */
export async function runHook(
  hook: HookConfig,
  {
    state,
    cwd,
    signal,
  }: { readonly state: string; readonly cwd: string; readonly signal?: AbortSignal | undefined },
): Promise<string | undefined> {
  const [argv0 = hook.path, ...args] = hook.args ?? [];
  const { promise: ended, resolve } = Promise.withResolvers<string | undefined>();
  let child: ChildProcessWithoutNullStreams;
  try {
    child = spawn(hook.path, args, {
      ...{ argv0, cwd, signal, env: environmentOf(hook.env ?? []), stdio: 'pipe' },
      killSignal: 'SIGKILL',
    });
  } catch (error) {
    return failureText(error);
  }
  child.once('error', (error) => resolve(failureText(error)));
  const streams = [child.stdout, child.stderr];
  let output = '';
  for (const stream of streams) {
    stream.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-outputLimit)));
  }
  // One that does not read it has no use for it.
  child.stdin.on('error', () => undefined).end(state);
  let timedOut = false;
  const timer =
    hook.timeout === undefined
      ? undefined
      : setTimeout(
          () => {
            timedOut = true;
            child.kill('SIGKILL');
          },
          Math.min(hook.timeout * 1000, longestTimer),
        );
  const tell = (code: number | null, by: NodeJS.Signals | null): void => {
    for (const stream of streams) stream.destroy();
    if (code === 0) resolve(undefined);
    else if (timedOut) resolve(withOutput(`was killed at its timeout of ${hook.timeout} s`, output));
    else resolve(withOutput(by === null ? `ended with ${code}` : `was killed by ${by}`, output));
  };
  // What it left running may hold its pipes: what is in them is taken, by the next round of the loop, and their end not waited for.
  child.once('exit', (code, by) => setImmediate(() => setImmediate(() => tell(code, by))));
  try {
    return await ended;
  } finally {
    clearTimeout(timer);
  }
}

function failureText(error: unknown): string {
  if (isErrno(error, 'ENOENT')) return 'does not exist';
  return `failed: ${error instanceof Error ? error.message : String(error)}`;
}

function environmentOf(env: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    env.flatMap((entry) => {
      const equals = entry.indexOf('=');
      return equals > 0 ? [[entry.slice(0, equals), entry.slice(equals + 1)] as const] : [];
    }),
  );
}

function withOutput(how: string, output: string): string {
  return output.trim() === '' ? how : `${how}: ${output.trim()}`;
}
