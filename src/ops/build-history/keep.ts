import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import {
  fromErrno,
  redactUrl,
  TsbuildError,
  type Digest,
  type EmitBuildEvent,
  type StepReport,
} from '../../core/index.ts';
import { tryFlock, type Flock } from '../../sys/index.ts';
import { entryName, historyFolder, pruneHistory, recordFile, runningFile } from './folder.ts';
import { defaultHistoryLimits, type HistoryLimits, type PastBuild } from './types.ts';

const mebi = 2 ** 20;
/** Of one step's output: what prints more than this is not read again. */
const mostBytes = 64 * mebi;

export type BuildDescription = Pick<PastBuild, 'file' | 'context' | 'target' | 'platforms' | 'tags'>;

export interface BuildOutcome {
  readonly image?: Digest | undefined;
  readonly error?: unknown;
  readonly steps: readonly StepReport[];
}

/** A build that runs: its output goes to files as it comes, the record of it is written at its end. */
export interface KeptHistory extends Disposable {
  /** Passes events on, and keeps the output of steps: with secrets hidden, as it is shown. */
  readonly emit: EmitBuildEvent;
  readonly end: (build: BuildDescription, outcome: BuildOutcome) => void;
}

interface StepLog {
  readonly file: string;
  fd: number | undefined;
  bytes: number;
  isFull: boolean;
}

/**
 * Keeps what a build prints and how it ends, below `history/` of the store. Nothing of it may fail a build: on a disk
 * that is full, or a store that is only read, there is no history.
 */
export function keepHistory(
  root: string,
  options: { readonly started: Date; readonly emit: EmitBuildEvent; readonly limits?: HistoryLimits },
): KeptHistory {
  const { started, emit, limits = limitsOfEnvironment() } = options;
  if (limits.builds === 0) return { emit, end: () => undefined, [Symbol.dispose]: () => undefined };
  const folder = join(historyFolder(root), entryName(started, randomBytes(3).toString('hex')));
  const logs = new Map<string, StepLog>();
  let bytesOfAll = 0;
  let isMade = false;
  let running: Flock | undefined;
  let isBroken = false;
  const attempt = (action: () => void): void => {
    if (isBroken) return;
    try {
      if (!isMade) mkdirSync(folder, { recursive: true, mode: 0o700 });
      isMade = true;
      action();
    } catch {
      isBroken = true;
    }
  };
  const write = (step: string, data: Uint8Array): void => {
    let log = logs.get(step);
    if (log === undefined) {
      // Others that end meanwhile must not take this one for what a killed build left.
      running ??= tryFlock(join(folder, runningFile));
      const file = `${logs.size + 1}.log`;
      log = { file, fd: openSync(join(folder, file), 'ax', 0o600), bytes: 0, isFull: false };
      logs.set(step, log);
    }
    if (log.fd === undefined || log.isFull) return;
    // The limits are applied at the end of a build: until then it must not fill the disk alone.
    const most = Math.min(mostBytes, log.bytes + limits.bytes - bytesOfAll);
    const kept = data.subarray(0, Math.max(0, most - log.bytes));
    writeSync(log.fd, kept);
    log.bytes += kept.byteLength;
    bytesOfAll += kept.byteLength;
    if (log.bytes < most) return;
    log.isFull = true;
    const limit = most === mostBytes ? `${mostBytes / mebi} MiB` : `${limits.bytes / mebi} MiB in this build`;
    writeSync(log.fd, `\n[more than ${limit}: not kept]\n`);
  };
  const close = (log: StepLog | undefined): void => {
    if (log?.fd === undefined) return;
    closeSync(log.fd);
    log.fd = undefined;
  };
  return {
    emit(event) {
      if (event.type === 'step-log') attempt(() => write(event.step.id, event.data));
      else if (event.type === 'step-done' || event.type === 'step-failed') close(logs.get(event.step.id));
      emit(event);
    },
    end(build, { image, error, steps }) {
      attempt(() => {
        const record: Omit<PastBuild, 'id'> = {
          ...build,
          file: redactUrl(build.file),
          context: redactUrl(build.context),
          started: started.toISOString(),
          milliseconds: Date.now() - started.getTime(),
          image,
          error: error === undefined ? undefined : errorOf(error),
          steps: steps.map(({ id, name, status, milliseconds, from }) => {
            return { name, status, milliseconds, from, log: logs.get(id)?.file };
          }),
        };
        const path = join(folder, recordFile);
        writeFileSync(`${path}.tmp`, JSON.stringify(record), { mode: 0o600 });
        renameSync(`${path}.tmp`, path);
        pruneHistory(root, limits, { now: Date.now(), countBytes: logs.size > 0 });
      });
    },
    [Symbol.dispose]() {
      for (const log of logs.values()) close(log);
      if (running === undefined) return;
      rmSync(join(folder, runningFile), { force: true });
      running.release();
    },
  };
}

function errorOf(thrown: unknown): PastBuild['error'] {
  const error = fromErrno(thrown, 'the build');
  if (error instanceof TsbuildError) return { code: error.code, message: error.message };
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) };
}

/** TSBUILD_HISTORY: how many builds are kept; 0 keeps none. What is no number means the default. */
export function limitsOfEnvironment(): HistoryLimits {
  const { TSBUILD_HISTORY: builds } = process.env;
  return /^\d{1,5}$/.test(builds ?? '')
    ? { ...defaultHistoryLimits, builds: Number(builds) }
    : defaultHistoryLimits;
}
