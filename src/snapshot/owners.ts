import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { canonicalJson, isErrno, TsbuildError } from '../core/index.ts';
import { ownIdMap } from '../sys/index.ts';

/** Whose the files of all snapshots in a folder are. */
interface Owners {
  /** Lines of `inside outside length`, as few as there can be. */
  readonly uids: readonly string[];
  readonly gids: readonly string[];
}

const fileName = '.ids';

/**
 * Throws STORE_VERSION where this process would take the owners of the files in `folder` for others than they are. Not for
 * a map that has grown at its end: every id is still the one it was.
 */
export function requireSameOwners(folder: string): void {
  const [here, there] = [ownersHere(), readOwners(folder)];
  if (here === undefined || there === undefined || isWithin(there, here)) return;
  throw new TsbuildError(
    'STORE_VERSION',
    `the file systems in ${folder} were made with other user ids than there are now`,
    {
      hint: 'use it as it was made (as the same user, with the same lines in /etc/subuid and /etc/subgid), or point --root (TSBUILD_ROOT) to another store',
    },
  );
}

/** Before the first snapshot of this process. */
export function markOwners(folder: string): void {
  const here = ownersHere();
  if (here === undefined) return;
  const text = canonicalJson({ ...here });
  const path = join(folder, fileName);
  if (readText(path) === text) return;
  const staged = `${path}.${process.pid}`;
  writeFileSync(staged, text, { mode: 0o600 });
  renameSync(staged, path);
}

/** Undefined for an ordinary user outside of namespaces, who makes no snapshots. */
function ownersHere(): Owners | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  return { uids: linesOf(ownIdMap('uid')), gids: linesOf(ownIdMap('gid')) };
}

/** Lines that go on where the one before ends are one with it: they say the same. */
function linesOf(map: string): string[] {
  const lines: { readonly inside: number; readonly outside: number; length: number }[] = [];
  for (const text of map.split('\n')) {
    const [inside, outside, length] = text.trim().split(/\s+/).map(Number);
    if (inside === undefined || outside === undefined || length === undefined) continue;
    const last = lines.at(-1);
    const goesOn = last?.inside === inside - (last?.length ?? 0) && last.outside === outside - last.length;
    if (last !== undefined && goesOn) last.length += length;
    else lines.push({ inside, outside, length });
  }
  return lines.map(({ inside, outside, length }) => `${inside} ${outside} ${length}`);
}

/** A file that a crash has damaged says nothing. */
function readOwners(folder: string): Owners | undefined {
  try {
    const read = JSON.parse(readText(join(folder, fileName)) ?? '') as Partial<Owners>;
    const { uids, gids } = read;
    return Array.isArray(uids) && Array.isArray(gids) ? { uids, gids } : undefined;
  } catch {
    return undefined;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

function isWithin(there: Owners, here: Owners): boolean {
  const begins = (all: readonly string[], first: readonly string[]): boolean =>
    first.every((line, index) => all[index] === line);
  return begins(here.uids, there.uids) && begins(here.gids, there.gids);
}
