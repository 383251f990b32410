import { constants } from 'node:os';

import type { Container } from '../../runtime/index.ts';

/** Signals that stop or steer a program; all are the container's, none ends this process by itself. */
const forwarded: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'];

/** A program that is process 1 and has no handler ignores Ctrl-C: who asks so often wants it gone. */
const requestsToKill = 3;

/** Signals of this process go to a program in a container until what is returned is disposed of. */
export function forwardSignals(program: Pick<Container, 'signal' | 'kill'>): AsyncDisposable {
  let requests = 0;
  const forward = (name: NodeJS.Signals): void => {
    if (name === 'SIGINT' || name === 'SIGTERM') requests++;
    const sent = requests < requestsToKill ? program.signal(constants.signals[name]) : program.kill();
    // Too late is no error: it has ended meanwhile.
    sent.catch(() => undefined);
  };
  for (const name of forwarded) process.on(name, forward);
  return {
    [Symbol.asyncDispose]: async () => {
      for (const name of forwarded) process.off(name, forward);
    },
  };
}
