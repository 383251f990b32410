import { spawn } from 'node:child_process';

import { isErrno } from '../../core/index.ts';
import type { HookConfig } from '../../oci/runtime-spec.ts';

/** Of what a hook prints so much is told, the end of it: errors come last. */
const outputLimit = 2048;

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
  const child = spawn(hook.path, args, {
    ...{ argv0, cwd, signal, env: environmentOf(hook.env ?? []), stdio: 'pipe' },
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-outputLimit)));
  }
  // One that does not read it has no use for it.
  child.stdin.on('error', () => undefined).end(state);
  let timedOut = false;
  const timer =
    hook.timeout === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          child.kill('SIGKILL');
          // What it left running may hold them open.
          for (const stream of [child.stdout, child.stderr]) stream.destroy();
        }, hook.timeout * 1000);
  const { promise: ended, resolve } = Promise.withResolvers<string | undefined>();
  child.once('error', (error) =>
    resolve(isErrno(error, 'ENOENT') ? 'does not exist' : `failed: ${error.message}`),
  );
  child.once('close', (code, by) => {
    if (code === 0) resolve(undefined);
    else
      resolve(
        withOutput(
          timedOut
            ? `was killed at its timeout of ${hook.timeout} s`
            : by === null
              ? `ended with ${code}`
              : `was killed by ${by}`,
          output,
        ),
      );
  });
  try {
    return await ended;
  } finally {
    clearTimeout(timer);
  }
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
