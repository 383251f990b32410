import { join } from 'node:path';

import { runCommand } from './run-command.ts';

export interface OnTerminal {
  /** All that the terminal showed, byte for byte as latin1. */
  readonly output: string;
  /** Exit status; -n when signal n ended it. */
  readonly code: number;
  /** Whether the terminal was in its first mode again at the end. */
  readonly restored: boolean;
}

/**
 * Runs a program, by its path, on a real pseudo-terminal of 33 rows and 101 columns. `keys`: what to type once the
 * output holds a text; `KILL` kills the program, `ABANDON` too, and does not wait until somebody restores its terminal,
 * `RESIZE rows columns` resizes the window instead.
 */
export async function onTerminal(
  argv: readonly string[],
  keys: readonly (readonly [after: string, typed: string])[] = [],
  env?: NodeJS.ProcessEnv,
): Promise<OnTerminal> {
  const script = join(import.meta.dirname, 'on-terminal.py');
  const { stdout, stderr } = await runCommand(['python3', script, JSON.stringify(keys), ...argv], {
    env: env ?? process.env,
  });
  if (stdout === '') throw new Error(`on-terminal.py: ${stderr}`);
  return JSON.parse(stdout) as OnTerminal;
}
