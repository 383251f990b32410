import type { BuildEvent } from '../../src/core/index.ts';

/** What was told of steps, as `started NAME`; output, progress and warnings left out. */
export function stepEvents(events: readonly BuildEvent[]): string[] {
  return events.flatMap((event) => {
    switch (event.type) {
      case 'step-started':
      case 'step-cached':
      case 'step-done':
      case 'step-failed':
      case 'step-cancelled':
        return [`${event.type.slice('step-'.length)} ${event.step.name}`];
      case 'step-log':
      case 'status':
      case 'warning':
        return [];
    }
  });
}
