import { accessSync, constants, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';

import type { WantedMaps } from '../../sys/index.ts';

/** A run of ids of the machine that a user may use, from /etc/subuid or /etc/subgid. */
export interface IdRange {
  readonly start: number;
  readonly size: number;
}

/** Ids are 32 bits, of which the last stands for none. */
const idLimit = 2 ** 32 - 1;

/**
 * The lines of subuid(5) for a user, named or by number: `name:start:size`. Malformed lines are left out, as newuidmap
 * itself does.
 */
export function parseIdRanges(
  text: string,
  user: { readonly name: string; readonly uid: number },
): IdRange[] {
  return text.split('\n').flatMap((line) => {
    const [, name, start, size] = /^([^:]+):(\d{1,10}):(\d{1,10})$/.exec(line.trim()) ?? [];
    if (name !== user.name && name !== String(user.uid)) return [];
    const range = { start: Number(start), size: Number(size) };
    return range.size > 0 && range.start + range.size <= idLimit ? [range] : [];
  });
}

/** As /proc/PID/uid_map takes it: 0 is the user himself, and from 1 on come the ranges, one after the other. */
export function idMapText(own: number, ranges: readonly IdRange[]): string {
  let inside = 1;
  const lines = ranges.map(({ start, size }) => {
    const line = `${inside} ${start} ${size}\n`;
    inside += size;
    return line;
  });
  return [`0 ${own} 1\n`, ...lines].join('');
}

/** The maps of the user who runs this. */
export function wantedMaps(): WantedMaps {
  const { uid, gid, name } = ownUser();
  const uids = parseIdRanges(readText('/etc/subuid'), { name, uid });
  const gids = parseIdRanges(readText('/etc/subgid'), { name, uid });
  const [uidMapper, gidMapper] = [findMapper('newuidmap'), findMapper('newgidmap')];
  const own = { uids: idMapText(uid, []), gids: idMapText(gid, []) };
  if (uids.length === 0 || gids.length === 0 || uidMapper === undefined || gidMapper === undefined)
    return { mapped: undefined, own };
  return { mapped: { uidMapper, uids: idMapText(uid, uids), gidMapper, gids: idMapText(gid, gids) }, own };
}

function ownUser(): { readonly uid: number; readonly gid: number; readonly name: string } {
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  try {
    return { uid, gid, name: userInfo().username };
  } catch {
    // Without an entry in passwd ranges are found by the number.
    return { uid, gid, name: String(uid) };
  }
}

/** The system's own folders come last: a PATH that leaves them out is common, and the programs are set-user-id. */
function findMapper(name: string): string | undefined {
  const folders = [
    ...(process.env['PATH'] ?? '').split(':').filter((folder) => folder.startsWith('/')),
    '/usr/bin',
  ];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
