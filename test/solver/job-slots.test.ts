import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { BuildEvent } from '../../src/core/index.ts';
import { deferred } from '../support/deferred.ts';
import { runs } from '../support/series.ts';
import { stepEvents } from '../support/step-events.ts';
import { solveSum, SumGraph, untilCalm, valueOf } from '../support/sums.ts';

describe('a vertex that waits for another', () => {
  it('holds no job slot meanwhile: what it waits for runs beside it with --jobs 1', async () => {
    const graph = new SumGraph();
    const opened = deferred();
    const waits = graph.vertex('waits', {
      value: async (_, { withoutSlot }) => {
        await withoutSlot(() => opened.promise);
        return 1;
      },
    });
    const opens = graph.vertex('opens', {
      value: () => {
        opened.resolve();
        return 10;
      },
    });
    const events: BuildEvent[] = [];
    expect(await valueOf(graph.sum('both', [waits, opens]), { jobs: 1, events })).toBe(11);
    expect(stepEvents(events)).toEqual([
      ...['started waits', 'started opens', 'done opens', 'done waits', 'started both', 'done both'],
    ]);
  });

  it('takes a slot again before it goes on, ahead of those that have not begun', async () => {
    const graph = new SumGraph();
    const [opened, free] = [deferred(), deferred()];
    const waits = graph.vertex('waits', {
      value: async (_, { withoutSlot }) => {
        await withoutSlot(() => opened.promise);
        graph.log.push('goes on');
        return 1;
      },
    });
    const beside = graph.vertex('beside', {
      value: async () => {
        await free.promise;
        graph.log.push('end of beside');
        return 1;
      },
    });
    const solved = solveSum(graph.sum('all', [waits, beside, graph.constant('later', 1)]), { jobs: 1 });
    await untilCalm();
    opened.resolve();
    await untilCalm();
    expect(graph.log.filter((line) => !line.startsWith('prepare'))).toEqual([
      'execute waits',
      'execute beside',
    ]);
    free.resolve();
    await solved;
    expect(graph.log.filter((line) => !line.startsWith('prepare'))).toEqual([
      ...['execute waits', 'execute beside', 'end of beside', 'goes on', 'execute later', 'execute all'],
    ]);
  });

  it('fails at once when its waiting fails, though every slot is taken', async () => {
    const graph = new SumGraph();
    const failing = graph.vertex('failing', {
      value: (_, { withoutSlot }) =>
        withoutSlot(async () => {
          await untilCalm();
          throw new Error('gave up');
        }),
    });
    const endless = graph.vertex('endless', {
      value: (_, { signal }) =>
        new Promise<number>((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(new Error('stopped'))),
        ),
    });
    await expect(solveSum(graph.sum('both', [failing, endless]), { jobs: 1 })).rejects.toThrow('gave up');
  });

  it('never lets more work than there are jobs, in any order of completion', async () => {
    const property = fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.nat(3), { minLength: 1, maxLength: 8 }),
      fc.scheduler(),
      async (jobs, waits, scheduler) => {
        const graph = new SumGraph();
        let working = 0;
        let most = 0;
        const work = async (name: string): Promise<void> => {
          most = Math.max(most, (working += 1));
          await scheduler.schedule(Promise.resolve(), name);
          working -= 1;
        };
        const vertices = waits.map((count, index) =>
          graph.vertex(`node ${index}`, {
            value: async (_, { withoutSlot }) => {
              await work('begins');
              for (let wait = 0; wait < count; wait++) {
                await withoutSlot(() => scheduler.schedule(Promise.resolve(), 'waits'));
                await work('goes on');
              }
              return 1;
            },
          }),
        );
        const solved = valueOf(graph.sum('target', vertices), { jobs });
        expect(await scheduler.waitFor(solved)).toBe(waits.length);
        expect(most).toBeLessThanOrEqual(jobs);
        expect(most).toBe(Math.min(jobs, waits.length));
      },
    );
    await fc.assert(property, runs(60));
  });
});
