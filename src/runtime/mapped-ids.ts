import { readFileSync } from 'node:fs';

import { TsbuildError } from '../core/index.ts';
import { inUserNamespace, ownIdMap } from '../sys/index.ts';

/** The ids that exist in this process's user namespace. */
export interface MappedIds {
  readonly uids: readonly IdRange[];
  readonly gids: readonly IdRange[];
  /** Nobody may change his supplementary groups: the price of a map that was made without privilege. */
  readonly groupsFrozen: boolean;
}

interface IdRange {
  readonly first: number;
  readonly size: number;
}

/** Undefined in the machine's first user namespace, which has all of them. */
export function ownMappedIds(): MappedIds | undefined {
  if (!inUserNamespace()) return undefined;
  return {
    uids: parseIdMap(ownIdMap('uid')),
    gids: parseIdMap(ownIdMap('gid')),
    groupsFrozen: readFileSync('/proc/self/setgroups', 'latin1').trim() === 'deny',
  };
}

/** user_namespaces(7): each line is the first id inside, the first outside, and how many. */
function parseIdMap(text: string): IdRange[] {
  return text.split('\n').flatMap((line) => {
    const [first, , size] = line.trim().split(/\s+/).map(Number);
    return first === undefined || size === undefined ? [] : [{ first, size }];
  });
}

export function isMapped(ranges: readonly IdRange[], id: number): boolean {
  return ranges.some(({ first, size }) => id >= first && id < first + size);
}

/** One id each, the user's own: what is left without newuidmap, newgidmap or lines in /etc/subuid and /etc/subgid. */
export function hasSingleId({ uids, gids }: MappedIds): boolean {
  const count = (ranges: readonly IdRange[]): number => ranges.reduce((sum, { size }) => sum + size, 0);
  return count(uids) === 1 || count(gids) === 1;
}

/** What is lost with a single id, to be said once. */
export const singleIdWarning =
  'only one user and one group exist in containers: files of others cannot be unpacked or made, USER cannot change ' +
  '(newuidmap and newgidmap, and lines for this user in /etc/subuid and /etc/subgid, give more)';

/** Throws PERMISSION_DENIED for a program whose ids do not exist here. */
export function requireMapped(ids: MappedIds | undefined, { uid, gid, additionalGids = [] }: UserIds): void {
  if (ids === undefined) return;
  const [kind, id] = !isMapped(ids.uids, uid)
    ? ['user', uid]
    : [
        'group',
        [gid, ...(ids.groupsFrozen ? [] : additionalGids)].find((group) => !isMapped(ids.gids, group)),
      ];
  if (id === undefined) return;
  throw new TsbuildError(
    'PERMISSION_DENIED',
    `the ${kind} ${id} does not exist for containers of this user`,
    {
      hint: 'give the user more ids in /etc/subuid and /etc/subgid (and install newuidmap and newgidmap)',
    },
  );
}

interface UserIds {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids?: readonly number[] | undefined;
}
