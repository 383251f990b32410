import { closeSync, writeSync } from 'node:fs';

import { fromErrno, TsbuildError } from '../core/index.ts';
import type { MonitorReady } from './container/detach.ts';
import { monitorContainer, type MonitorMode } from './container/monitor-container.ts';
import { holdNamespaces } from './rootless/hold.ts';

/** The process that owns one container in the background: `node monitor.cjs ROOT ID MODE`, told the outcome on descriptor 3. */
const [root = '', id = '', mode = 'new'] = process.argv.slice(2);
let told = false;

/** Once only: after it the descriptor's number may be another file's. */
function tell(answer: MonitorReady): void {
  if (told) return;
  told = true;
  try {
    writeSync(3, `${JSON.stringify(answer)}\n`);
  } catch {
    // Who started it is gone; the container stays.
  }
  closeSync(3);
}

holdNamespaces();
const onReady = (warnings: readonly string[]): void => tell({ ready: true, warnings });
monitorContainer({ root, id, mode: mode as MonitorMode, onReady }).catch((thrown: unknown) => {
  const error = fromErrno(thrown, 'starting the container');
  const known = error instanceof TsbuildError;
  const message = error instanceof Error ? error.message : String(error);
  const [code, hint] = known ? ([error.code, error.hint] as const) : (['INTERNAL', undefined] as const);
  tell({ ready: false, code, message, hint });
  process.exitCode = 1;
});
