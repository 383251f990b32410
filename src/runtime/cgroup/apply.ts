import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { unavailable, writeControl } from './files.ts';
import type { ControlWrite } from './writes.ts';

/** Writes limits into a container's folders. Throws LIMIT_UNAVAILABLE for one that the kernel does not take. */
export function applyWrites(
  writes: readonly ControlWrite[],
  folderOf: (controller: string) => string | undefined,
): void {
  const failed = writes.filter((entry) => !succeeds(() => apply(entry, folderOf(entry.controller))));
  // Some limits bound others: memory alone may not go above memory and swap, nor a burst above the quota. When all are
  // raised the second has to be first, when they are lowered the first.
  for (const entry of failed) apply(entry, folderOf(entry.controller));
}

function apply({ files, what, optional = false }: ControlWrite, folder: string | undefined): void {
  const existing = folder === undefined ? [] : files.filter(({ name }) => existsSync(join(folder, name)));
  if (folder === undefined || existing.length === 0) {
    if (optional) return;
    const absent = Object.assign(new Error('no such file'), { code: 'ENOENT' });
    throw unavailable(what, absent, files[0]?.name ?? '');
  }
  for (const { name, value } of existing) {
    try {
      writeControl(folder, name, value);
    } catch (error) {
      throw unavailable(what, error, name);
    }
  }
}

function succeeds(act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}
