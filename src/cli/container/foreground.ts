import type { ContainerRecord } from '../../ops/index.ts';
import { killedForMemory } from '../../runtime/index.ts';
import type { Store } from '../../store/index.ts';
import { printable } from '../terminal-text.ts';
import { forwardSignals } from './forward.ts';
import { liveContainer } from './life.ts';

/** Runs a new container on this process's own terminal and descriptors until it ends; gives its exit status. */
export async function runForeground(store: Store, record: ContainerRecord): Promise<number> {
  return liveContainer(store, record, {
    isNew: true,
    attach: (container, warnings) => {
      for (const warning of warnings) process.stderr.write(`warning: ${printable(warning)}\n`);
      const forwarded = forwardSignals(container);
      return {
        [Symbol.asyncDispose]: async () => {
          await forwarded[Symbol.asyncDispose]();
          const killed = killedForMemory(await container.usage());
          if (killed !== undefined) process.stderr.write(`warning: ${killed}\n`);
        },
      };
    },
  });
}
