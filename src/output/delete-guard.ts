import { lstatSync, realpathSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';

import { isErrno, TsbuildError } from '../core/index.ts';

/** What a folder must not be or hold if all that is not in the result is to be removed from it. */
export interface Precious {
  /** Folders by what they are. */
  readonly folders: readonly (readonly [path: string, what: string])[];
  /** The user has said that it may be elsewhere than below the working folder. */
  readonly anywhere: boolean;
}

/**
 * `mode=delete` empties a folder, and a mistyped path would empty another: without a word of the user it is one below the
 * working folder, links resolved, as buildx has it, and never one that holds the build's context or the store. Throws USAGE.
 */
export function checkDeletion(dest: string, { folders, anywhere }: Precious): void {
  const folder = realPath(dest);
  if (folder === sep) throw refused(dest, 'it is the root of this machine');
  for (const [path, what] of folders) {
    if (isWithin(realPath(path), folder)) throw refused(dest, `it has ${what} in it`);
  }
  const here = realPath('.');
  if (anywhere || (folder !== here && isWithin(folder, here))) return;
  throw refused(
    dest,
    'it is not below the working folder',
    'change to the folder above it, or add --allow buildx.local.delete',
  );
}

function refused(dest: string, why: string, hint?: string): TsbuildError {
  return new TsbuildError('USAGE', `refusing to remove what is in ${dest} and not in the result: ${why}`, {
    hint: hint ?? 'name another folder, or leave mode=delete out',
  });
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === sep ? sep : `${folder}${sep}`);
}

/** Links resolved as far as the path exists. */
function realPath(path: string): string {
  const full = resolve(path);
  try {
    return realpathSync(full);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    // A link that leads nowhere may lead anywhere tomorrow.
    if (lstatSync(full, { throwIfNoEntry: false })?.isSymbolicLink() === true) return sep;
    const parent = dirname(full);
    return join(realPath(parent), full.slice(parent.length));
  }
}
