import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

import { fromText, TsbuildError } from '../../../core/index.ts';
import { openStore, storeExists } from '../../../store/index.ts';
import {
  diskSpace,
  mountOverlay,
  openRootDir,
  reflink,
  rootDirOf,
  takesLowersSingly,
  tryFlock,
} from '../../../sys/index.ts';
import type { DiskFacts, Failure, OverlayFacts, StoreFacts, UserFacts } from '../types.ts';
import { failureOf, outcomeOf, textOf } from './attempt.ts';

/** What becomes of opening the store. One that does not exist is not made. */
export async function storeFacts(root: string): Promise<Omit<StoreFacts, 'writable'>> {
  if (!storeExists(root) && isEmptyOrMissing(root)) return { root, state: 'absent' };
  try {
    await using _store = await openStore(root);
    return { root, state: 'there' };
  } catch (error) {
    if (!(error instanceof TsbuildError)) throw error;
    const { code, message, hint } = error;
    return { root, state: 'refused', error: { code, message, hint } };
  }
}

function isEmptyOrMissing(folder: string): boolean {
  try {
    return readdirSync(folder).length === 0;
  } catch {
    return !existsSync(folder);
  }
}

/** A folder to try things in, on the file system of the store; gone when disposed of. */
export interface Workshop extends Disposable {
  readonly path: string;
}

/** The failure when nothing can be written there. */
export function makeWorkshop(root: string): Workshop | Failure {
  const temporary = join(root, 'tmp');
  // An empty folder must not look like somebody else's when a killed process leaves something there.
  const made = existsSync(root) && !existsSync(temporary);
  let path: string | undefined;
  try {
    if (made) mkdirSync(temporary, { mode: 0o700 });
    path = mkdtempSync(join(existsSync(root) ? temporary : nearestFolder(root), '.tsbuild-doctor-'));
    for (const name of ['lower', 'upper', 'work', 'merged', 'proc']) mkdirSync(join(path, name));
    writeFileSync(join(path, 'lower', 'file'), '');
  } catch (error) {
    removeWorkshop(path, made ? temporary : undefined);
    return failureOf(error);
  }
  const folder = path;
  return { path, [Symbol.dispose]: () => removeWorkshop(folder, made ? temporary : undefined) };
}

function removeWorkshop(path: string | undefined, temporary: string | undefined): void {
  if (path !== undefined) {
    // Overlay makes a folder there that nobody may enter.
    const closed = join(path, 'work', 'work');
    if (existsSync(closed)) chmodSync(closed, 0o700);
    rmSync(path, { recursive: true, force: true });
  }
  if (temporary === undefined) return;
  try {
    rmdirSync(temporary);
  } catch {
    // Never made, or somebody has made a store there meanwhile.
  }
}

export function nearestFolder(path: string): string {
  for (let folder = path; ; folder = dirname(folder)) {
    if (existsSync(folder) || folder === '/') return folder;
  }
}

export function diskFacts(
  root: string,
  workshop: Workshop | undefined,
  { capabilities }: Pick<UserFacts, 'capabilities'>,
): DiskFacts {
  const path = nearestFolder(root);
  const space = diskSpace(path);
  if (workshop === undefined) return { ...space, path, xattrs: undefined, flock: undefined, reflinks: false };
  using folder = openRootDir(workshop.path);
  // Overlay's own are trusted ones, but for who may not use them.
  const name = capabilities.includes('CAP_SYS_ADMIN') ? 'trusted.tsbuild' : 'user.tsbuild';
  const xattrs = outcomeOf(() => folder.setXattr(fromText('lower'), fromText(name), fromText('x')));
  const flock = outcomeOf(() => tryFlock(join(workshop.path, 'lock'))?.release());
  return { ...space, path, xattrs, flock, reflinks: knowsReflinks(workshop.path) };
}

function knowsReflinks(folder: string): boolean {
  try {
    const [from = '', to = ''] = ['from', 'to'].map((name) => join(folder, name));
    writeFileSync(from, 'x');
    const source = openSync(from, 'r');
    const target = openSync(to, 'w');
    try {
      return reflink(source, target);
    } finally {
      closeSync(source);
      closeSync(target);
    }
  } catch {
    // A full disk, which is told of elsewhere.
    return false;
  }
}

export function overlayFacts(workshop: Workshop | undefined, { uid }: Pick<UserFacts, 'uid'>): OverlayFacts {
  const known = /\boverlay$/m.test(textOf('/proc/filesystems') ?? '');
  if (workshop === undefined || uid !== 0) return { known, mounted: undefined, singly: false };
  const [lower, upper, work] = ['lower', 'root-upper', 'root-work'].map((name) => join(workshop.path, name));
  const mounted = outcomeOf(() => {
    for (const folder of [upper, work]) mkdirSync(folder ?? '');
    const source = { lowers: [lower ?? ''], upper: upper ?? '', work: work ?? '' };
    using root = rootDirOf(mountOverlay(source));
    // Removing makes a whiteout: a device node, or what the kernel takes for one.
    root.unlink(fromText('file'));
  });
  return { known, mounted, singly: mounted.ok && takesLowersSingly('/') };
}
