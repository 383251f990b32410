import { createReadStream } from 'node:fs';
import { join } from 'node:path';

import { TsbuildError } from '../../core/index.ts';
import { historyEntries, readEntry, type HistoryEntry } from './folder.ts';
import type { PastBuild, PastStep } from './types.ts';

export interface FoundBuild {
  readonly entry: HistoryEntry;
  readonly build: PastBuild;
}

/** All that have ended, newest first. */
export function pastBuilds(root: string): readonly FoundBuild[] {
  return historyEntries(root).flatMap((entry) => {
    const build = readEntry(entry);
    return build === undefined ? [] : [{ entry, build }];
  });
}

/** By the beginning of its id; without one the newest. Throws USAGE when there is none, or more than one. */
export function findBuild(root: string, id?: string): FoundBuild {
  const builds = pastBuilds(root);
  const hint = 'tsbuild builds ls lists them';
  if (id === undefined) {
    const [newest] = builds;
    if (newest === undefined) throw new TsbuildError('USAGE', 'no build is kept in this store');
    return newest;
  }
  const [found, other] = builds.filter(({ build }) => id !== '' && build.id.startsWith(id));
  if (found === undefined) throw new TsbuildError('USAGE', `no build ${id} is kept`, { hint });
  if (other !== undefined) throw new TsbuildError('USAGE', `several builds begin with ${id}`, { hint });
  return found;
}

/** Pieces of what a step printed, as it was: both streams in the order in which they came. */
export function readStepLog({ entry }: FoundBuild, { log }: PastStep): AsyncIterable<Uint8Array> {
  if (log === undefined || !/^\d+\.log$/.test(log)) return emptyLog();
  return createReadStream(join(entry.path, log)) as AsyncIterable<Uint8Array>;
}

async function* emptyLog(): AsyncGenerator<Uint8Array> {
  // A step that printed nothing has no file.
}
