import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { runCommand, runOk, type CommandResult } from './run-command.ts';
import { tempFolder } from './temp-folder.ts';

/** Before the n-th call of this name that one process of a command makes. */
export interface Moment {
  readonly call: string;
  readonly nth: number;
}

/** The system calls by which things get their names and lose them. */
const calls = ['unlink', 'unlinkat', 'rename', 'renameat', 'renameat2', 'rmdir'];

/** Runs a program to its end, and gives the moments before each change of names that it made. */
export async function momentsOf(argv: readonly string[]): Promise<readonly Moment[]> {
  const log = join(tempFolder('strace').path, 'log');
  await runOk(['strace', '-f', '-qqq', '-e', `trace=${calls.join(',')}`, '-o', log, ...argv]);
  const lines = readFileSync(log, 'latin1').split('\n');
  return calls.flatMap((call) =>
    lines
      .filter((line) => line.includes(` ${call}(`))
      .flatMap((line, index) => (line.endsWith(' = 0') ? [{ call, nth: index + 1 }] : [])),
  );
}

/** Kills the program at that moment, should it come. */
export async function killBefore(moment: Moment, argv: readonly string[]): Promise<void> {
  const { status, stderr } = await signalBefore(moment, 'SIGKILL', argv);
  expect([0, 137], stderr).toContain(status);
}

/** Sends a signal to the program at that moment, and waits for its end. */
export async function signalBefore(
  { call, nth }: Moment,
  signal: NodeJS.Signals,
  argv: readonly string[],
): Promise<CommandResult> {
  const inject = `inject=${call}:signal=${signal}:when=${nth}`;
  const tracing = ['strace', '-f', '-qqq', '-e', `trace=${call}`, '-e', inject, '-o', '/dev/null'];
  return runCommand([...tracing, ...argv]);
}
