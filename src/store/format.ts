import {
  chmodSync,
  closeSync,
  fstatSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { fromErrno, isErrno, TsbuildError } from '../core/index.ts';
import { makeFolder, randomHex } from '../sys/index.ts';
import { discard } from './files.ts';
import { layoutIndex } from './layout-index.ts';

/** The paths below a store's root. */
export interface StorePaths {
  readonly root: string;
  readonly layout: string;
  readonly blobs: string;
  readonly index: string;
  readonly refs: string;
  readonly images: string;
  readonly records: string;
  readonly settled: string;
  readonly snapshots: string;
  readonly containers: string;
  readonly locks: string;
  readonly leases: string;
  readonly trash: string;
  readonly tmp: string;
}

/** What this program writes. A newer store is refused; there is no older one yet. */
export const storeVersion = 1;

const formatName = 'format.json';
/** A disk of its own for the store has this folder at its top. */
const tolerated = 'lost+found';

export function storePaths(root: string): StorePaths {
  const layout = join(root, 'oci');
  return {
    root,
    layout,
    blobs: join(layout, 'blobs'),
    index: join(layout, 'index.json'),
    refs: join(root, 'refs'),
    images: join(root, 'images'),
    records: join(root, 'records'),
    settled: join(root, 'settled'),
    snapshots: join(root, 'snapshots'),
    containers: join(root, 'containers'),
    locks: join(root, 'locks'),
    leases: join(root, 'leases'),
    trash: join(root, 'trash'),
    tmp: join(root, 'tmp'),
  };
}

/**
 * Makes the store unless it is there, and refuses one that this process must not use. Three system calls where it is
 * there: format.json is written last, so its presence says that all folders are.
 */
export function ensureStore(paths: StorePaths): void {
  try {
    if (checkFormat(paths.root)) return;
    createStore(paths);
    checkFormat(paths.root);
  } catch (error) {
    const known = fromErrno(error, `opening the store ${paths.root}`);
    throw known instanceof TsbuildError
      ? known.hinting('point --root (TSBUILD_ROOT) to a folder that you may write, or that can be made')
      : known;
  }
}

/** False when there is no store yet. */
function checkFormat(root: string): boolean {
  let fd: number;
  try {
    fd = openSync(join(root, formatName), 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
  try {
    checkOwner(root, fstatSync(fd).uid);
    checkFolder(root);
    checkVersion(root, readFileSync(fd, 'utf8'));
    return true;
  } finally {
    closeSync(fd);
  }
}

/** Root in another's store would leave files there that the owner can neither read nor remove. */
function checkOwner(root: string, owner: number): void {
  const user = process.geteuid?.() ?? owner;
  if (owner === user) return;
  throw new TsbuildError(
    'STORE_VERSION',
    `the store ${root} belongs to user ${owner}, this is user ${user}`,
    {
      hint: 'run as that user, or point --root (TSBUILD_ROOT) to a store of your own',
    },
  );
}

/** Who may rename what is in the folder may put his own root file systems, records and blobs in the place of ours. */
function checkFolder(root: string): void {
  const { uid, mode } = statSync(root);
  checkOwner(root, uid);
  if ((mode & 0o002) === 0) return;
  throw new TsbuildError('STORE_VERSION', `everybody may write to the store ${root}`, {
    hint: `if you trust what is in it: chmod 700 ${root}; else remove it`,
  });
}

function checkVersion(root: string, text: string): void {
  const version = readVersion(text);
  if (version === undefined) {
    throw new TsbuildError('STORE_DAMAGED', `${join(root, formatName)} does not name a version`, {
      hint: `if nothing in ${root} is needed any more, remove it; it is made anew`,
    });
  }
  if (version <= storeVersion) return;
  throw new TsbuildError(
    'STORE_VERSION',
    `the store ${root} has format ${version}, this version knows formats up to ${storeVersion}`,
    { hint: 'use a newer tsbuild, or point --root (TSBUILD_ROOT) to another store' },
  );
}

function readVersion(text: string): number | undefined {
  try {
    const { version } = JSON.parse(text) as { readonly version?: unknown };
    return typeof version === 'number' && Number.isInteger(version) && version > 0 ? version : undefined;
  } catch {
    return undefined;
  }
}

/** Any number of processes may do this at once, and any of them may die in the middle: every step may be done again. */
function createStore(paths: StorePaths): void {
  const { root, blobs, layout, ...rest } = paths;
  const { index, ...folders } = rest;
  refuseForeignFolder(paths);
  makeFolder(root);
  // An empty folder that somebody else has laid out, in /tmp say, stays his to fill.
  checkOwner(root, statSync(root).uid);
  // Nobody but the owner passes: root file systems hold set-user-id programs of whatever age.
  chmodSync(root, 0o700);
  for (const folder of [join(blobs, 'sha256'), ...Object.values(folders)]) {
    makeFolder(folder);
  }
  createOnce(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  createOnce(index, layoutIndex([]));
  createOnce(join(root, formatName), `${JSON.stringify({ version: storeVersion })}\n`);
}

/** A mistyped --root must not scatter folders over somebody's home. */
function refuseForeignFolder({ root, ...paths }: StorePaths): void {
  const ours = new Set(Object.values(paths).map((path) => path.slice(root.length + 1)));
  let names: string[];
  try {
    names = readdirSync(root);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  const foreign = names.find((name) => !ours.has(name) && name !== tolerated && !name.startsWith(formatName));
  if (foreign === undefined) return;
  throw new TsbuildError('STORE_DAMAGED', `${root} is not a store: it has other things in it (${foreign})`, {
    hint: 'point --root (TSBUILD_ROOT) to an empty or a new folder',
  });
}

/** The first one in wins, and nobody ever sees half a file. */
function createOnce(path: string, text: string): void {
  const staged = `${path}.${randomHex(6)}`;
  try {
    writeFileSync(staged, text, { flag: 'wx', mode: 0o644 });
    linkSync(staged, path);
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return;
    // File systems without hard links: there the last one wins, with the same text.
    if (!isErrno(error, 'EPERM', 'ENOTSUP', 'ENOSYS')) throw error;
    renameSync(staged, path);
  } finally {
    discard(staged);
  }
}
