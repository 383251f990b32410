import { constants } from 'node:os';

import type { ContainerRecord } from '../../ops/index.ts';
import type { Container } from '../../runtime/index.ts';
import type { Store } from '../../store/index.ts';
import { printable } from '../terminal-text.ts';
import { liveContainer } from './life.ts';

/** Signals that stop or steer a program; all are the container's, none ends this process by itself. */
const forwarded: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'];

/** A program that is process 1 and has no handler ignores Ctrl-C: who asks so often wants it gone. */
const requestsToKill = 3;

/** Runs a container on this process's own terminal and descriptors until it ends; gives its exit status. */
export async function runForeground(store: Store, record: ContainerRecord): Promise<number> {
  return liveContainer(store, record, {
    attach: (container) => {
      for (const warning of container.warnings) process.stderr.write(`warning: ${printable(warning)}\n`);
      return forwardSignals(container);
    },
  });
}

function forwardSignals(container: Container): AsyncDisposable {
  let requests = 0;
  const forward = (name: NodeJS.Signals): void => {
    if (name === 'SIGINT' || name === 'SIGTERM') requests++;
    const sent = requests < requestsToKill ? container.signal(constants.signals[name]) : container.kill();
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
