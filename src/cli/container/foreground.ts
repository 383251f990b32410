import type { ContainerRecord } from '../../ops/index.ts';
import { killedForMemory } from '../../runtime/index.ts';
import type { Store } from '../../store/index.ts';
import { printable } from '../terminal-text.ts';
import { interruptSignal, type Interrupt } from '../interrupt.ts';
import { forwardSignals } from './forward.ts';
import { liveContainer } from './life.ts';

/**
 * Runs a new container on this process's own terminal and descriptors until it ends; gives its exit status. Signals are
 * the container's while it runs; before, they are those of `interrupt`, and it is removed instead of started.
 */
export async function runForeground(
  store: Store,
  record: ContainerRecord,
  interrupt: Interrupt,
): Promise<number> {
  return liveContainer(store, record, {
    isNew: true,
    interrupt: interrupt.signal,
    mayStart: async () => interrupt.signal.throwIfAborted(),
    attach: (container, warnings) => {
      for (const warning of warnings) process.stderr.write(`warning: ${printable(warning)}\n`);
      const forwarded = forwardSignals(container);
      interrupt[Symbol.dispose]();
      return {
        [Symbol.asyncDispose]: async () => {
          // To the end of the process: one Ctrl-C too many must not keep it from its cleaning up.
          interruptSignal();
          await forwarded[Symbol.asyncDispose]();
          const killed = killedForMemory(await container.usage());
          if (killed !== undefined) process.stderr.write(`warning: ${killed}\n`);
        },
      };
    },
  });
}
