import { existsSync } from 'node:fs';
import { join } from 'node:path';

import type { StorePaths } from '../../../store/index.ts';
import { isUnlocked } from '../../../sys/index.ts';
import { namesIn } from '../../../sys/index.ts';
import { collected } from './snapshots.ts';
import type { Finding } from './types.ts';

/** What processes left that were killed. */
export function checkTemporary(paths: StorePaths): readonly Finding[] {
  const dead = (folder: string, names: readonly string[]): readonly string[] =>
    names.map((name) => join(folder, name)).filter(isUnlocked);
  const sessions = namesIn(paths.tmp)
    .sort()
    .filter((name) => !name.endsWith('.lock'));
  const subjects = [
    ...namesIn(paths.trash)
      .sort()
      .map((name) => join(paths.trash, name)),
    ...sessions.map((name) => join(paths.tmp, name)).filter((path) => isAbandoned(`${path}.lock`)),
    ...dead(paths.leases, namesIn(paths.leases).sort()),
    ...dead(paths.locks, namesIn(paths.locks).sort()),
  ];
  return subjects.map((path) => ({
    severity: 'leftover',
    kind: 'temporary',
    subject: path.slice(paths.root.length + 1),
    problem: 'whoever made it was killed',
    repair: collected,
  }));
}

/** Only looks: the file stays. */
function isAbandoned(path: string): boolean {
  return !existsSync(path) || isUnlocked(path);
}
