import { TsbuildError } from '../core/index.ts';

export interface Interrupt extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * A signal that aborts on Ctrl-C, SIGTERM or SIGHUP, so that everything under way is taken down in order. The second
 * Ctrl-C ends the process at once.
 */
export function interruptSignal(): Interrupt {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort(new TsbuildError('INTERRUPTED', `interrupted by ${name}`));
  };
  const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const name of signals) process.on(name, stop);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const name of signals) process.off(name, stop);
    },
  };
}
