import { TsbuildError } from '../core/index.ts';
import type { ExitStatusHolder } from './program.ts';
import { reportError } from './report.ts';

/**
 * Does the same to every name that a command was given. One that fails is reported and does not keep the others from
 * their turn; the exit status is that of the first failure.
 */
export async function forEachName(
  names: readonly string[],
  status: ExitStatusHolder,
  action: (name: string) => Promise<void>,
): Promise<void> {
  for (const name of names) {
    try {
      await action(name);
    } catch (error) {
      if (!(error instanceof TsbuildError)) throw error;
      reportError(error);
      if (status.code === 0) status.code = error.exitStatus;
    }
  }
}
