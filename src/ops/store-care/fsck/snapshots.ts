import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { isJsonArray, isJsonObject, type Json } from '../../../core/index.ts';
import { listItems } from '../../../store/index.ts';
import { tryFlock } from '../../../sys/index.ts';
import { listContainers } from '../../container/records.ts';
import type { Examined, Finding } from './types.ts';

/** Unpacked files, those that nothing needs among them, and what containers stand on. */
export function checkSnapshots(examined: Examined, needed: ReadonlySet<string>): readonly Finding[] {
  const { paths, store } = examined;
  const findings: Finding[] = [];
  for (const { id, kind, path } of listItems(paths)) {
    const problem = kind === 'snapshot' ? wrongIn(examined, id, path) : undefined;
    if (problem !== undefined) findings.push(problem);
    else if (!needed.has(id) && !isInMaking(path) && examined.leases.since === undefined)
      findings.push({
        severity: 'leftover',
        kind,
        subject: id,
        problem: 'nothing needs it',
        repair: collected,
      });
  }
  for (const { name, chain } of listContainers(store)) {
    const lost = chain.find((id) => !isCommitted(examined, id));
    if (lost === undefined) continue;
    const hint = `remove it: tsbuild rm ${name}`;
    findings.push({
      severity: 'damage',
      kind: 'container',
      subject: name,
      problem: `its files ${lost} are gone`,
      hint,
    });
  }
  return findings;
}

/** The collector does it. */
export const collected = async (): Promise<void> => undefined;

function wrongIn(examined: Examined, id: string, path: string): Finding | undefined {
  const mark = markIn(path);
  if (mark === undefined) {
    if (isInMaking(path)) return undefined;
    const problem = 'was never completed';
    return { severity: 'leftover', kind: 'snapshot', subject: id, problem, repair: collected };
  }
  const chain =
    isJsonObject(mark) && isJsonArray(mark['chain'] ?? null) ? (mark['chain'] as readonly Json[]) : [];
  const lost = chain
    .filter((each) => typeof each === 'string')
    .find((each) => each !== id && !isCommitted(examined, each));
  const problem =
    chain.at(-1) !== id
      ? 'its mark is of other files'
      : !existsSync(join(path, 'fs'))
        ? 'its files are gone'
        : lost === undefined
          ? undefined
          : `the files below it, ${lost}, are gone`;
  if (problem === undefined) return undefined;
  return { severity: 'damage', kind: 'snapshot', subject: id, problem, repair: collected };
}

/** In its place, or in the trash of a collector that was killed. */
export function isCommitted({ paths }: Pick<Examined, 'paths'>, id: string): boolean {
  return [paths.snapshots, paths.trash].some((folder) => existsSync(join(folder, id, 'snapshot.json')));
}

function markIn(path: string): Json | undefined {
  try {
    return JSON.parse(readFileSync(join(path, 'snapshot.json'), 'utf8')) as Json;
  } catch {
    return undefined;
  }
}

/** Its maker holds the lock beside it. */
function isInMaking(path: string): boolean {
  const file = join(path, 'lock');
  if (!existsSync(file)) return false;
  const lock = tryFlock(file);
  lock?.release();
  return lock === undefined;
}
