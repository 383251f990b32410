import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

import { errorCodes, TsbuildError, type ErrorCode } from '../../core/index.ts';
import { containerLock, discardContainer, type ContainerRecord } from '../../ops/index.ts';
import type { Store } from '../../store/index.ts';
import { closeInheritedOnExec, packageRoot } from '../../sys/index.ts';
import { printable } from '../terminal-text.ts';
import type { MonitorMode } from './monitor-container.ts';

/** First and only line of a monitor to who started it. */
export type MonitorReady =
  | { readonly ready: true; readonly warnings: readonly string[] }
  | {
      readonly ready: false;
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint?: string | undefined;
    };

/**
 * Starts the container's monitor in a session of its own, so that neither this command's end nor its terminal's takes
 * it along, and returns when the container runs, or is held. Throws what kept it from running.
 */
export async function startDetached(
  store: Store,
  record: ContainerRecord,
  mode: MonitorMode = 'new',
): Promise<void> {
  const monitor = join(packageRoot(), 'dist', 'monitor.cjs');
  closeInheritedOnExec();
  const child = spawn(process.execPath, [monitor, store.root, record.id, mode], {
    detached: true,
    cwd: '/',
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  child.unref();
  const answer = parseReady(await text(child.stdio[3] as Readable));
  if (answer.ready) {
    for (const warning of answer.warnings) process.stderr.write(`warning: ${printable(warning)}\n`);
    return;
  }
  if (mode === 'new') {
    // It has done so itself, unless it was killed.
    await using _lock = await containerLock(store, record.id);
    await discardContainer(store, record);
  }
  throw new TsbuildError(answer.code, answer.message, { hint: answer.hint });
}

function parseReady(line: string): MonitorReady {
  try {
    const answer = JSON.parse(line) as MonitorReady;
    if (answer.ready || Object.hasOwn(errorCodes, answer.code)) return answer;
  } catch {
    // It died without a word.
  }
  return {
    ready: false,
    code: 'RUNTIME_SETUP',
    message: 'the container’s monitor ended before the container ran',
  };
}
