import { writeSync } from 'node:fs';

import { TsbuildError } from '../core/index.ts';
import type { MonitorReady } from './container/detach.ts';
import { monitorContainer } from './container/monitor-container.ts';

/** The process that owns one detached container: `node monitor.cjs ROOT CONTAINER-ID`, told the outcome on descriptor 3. */
const [root = '', id = ''] = process.argv.slice(2);

function tell(answer: MonitorReady): void {
  writeSync(3, `${JSON.stringify(answer)}\n`);
}

monitorContainer({ root, id, onReady: () => tell({ ready: true }) }).catch((error: unknown) => {
  const known = error instanceof TsbuildError;
  const message = error instanceof Error ? error.message : String(error);
  try {
    tell({
      ready: false,
      code: known ? error.code : 'INTERNAL',
      message,
      hint: known ? error.hint : undefined,
    });
  } catch {
    // It ran already: descriptor 3 is closed, and the state file holds the error.
  }
  process.exitCode = 1;
});
