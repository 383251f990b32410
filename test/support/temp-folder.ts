import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';

export interface TempFolder extends Disposable {
  readonly path: string;
}

/**
 * A fresh folder; bind it with `using`. It goes with its scope only when `remove` is set: small folders are left to the
 * end of the run, since ext4 without a journal makes new files slowly where many have just been deleted.
 */
export function tempFolder(name = 'x', { remove = false } = {}): TempFolder {
  const path = mkdtempSync(join(inject('runFolder'), `${name}-`));
  return {
    path,
    [Symbol.dispose](): void {
      if (remove) rmSync(path, { recursive: true, force: true });
    },
  };
}
