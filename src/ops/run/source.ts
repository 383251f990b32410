import { posix } from 'node:path';

import {
  digestOf,
  fromText,
  isErrno,
  nearestName,
  toText,
  TsbuildError,
  type ByteString,
  type Digest,
} from '../../core/index.ts';
import type { PlannedMount } from '../../graph/index.ts';
import { Breath } from '../../snapshot/index.ts';
import type { RootDir } from '../../sys/index.ts';
import { selectOnePath } from '../copy/selection.ts';
import { stateTree } from '../copy/tree.ts';
import type { BuildServices, State } from '../types.ts';

/** Path of a mount's source inside the tree that it comes from: absolute, `..` clamped at the root, `/` unless given. */
export function sourcePathOf({ source }: Pick<PlannedMount, 'source'>): string {
  return posix.resolve('/', source ?? '/');
}

/** For messages. */
export function sourceNameOf({ from }: Pick<PlannedMount, 'from'>): string {
  return from === undefined ? 'the build context' : JSON.stringify(from);
}

/** A digest that no content has: what is not there is told by the step itself, in its own words. */
const missing = digestOf('tsbuild: no such path');

/**
 * Stands for what is at a path of a state, owners included: a mount of it shows nothing else (L-131). All of a state, and
 * a tree without layers, which holds little beside what is mounted, go by the digest they have already.
 */
export async function digestOfSource(
  services: Pick<BuildServices, 'snapshotter'>,
  { state, path }: { readonly state: State; readonly path: string },
  signal?: AbortSignal,
): Promise<Digest> {
  const settled = await state.settled;
  if (path === '/' || settled.layers.length === 0) return settled.contentDigest;
  await using view = await services.snapshotter.view(settled.snapshot);
  if (tryStat(view.root, fromText(path)) === undefined) return missing;
  const options = { owners: true, breath: new Breath(signal) };
  return (await selectOnePath(stateTree(view), path, options)).digest;
}

/** What the path is, links followed inside the tree (S-34). Throws COPY_SOURCE_NOT_FOUND. */
export function requireSource(
  root: RootDir,
  { path, name }: { readonly path: string; readonly name: string },
): ReturnType<RootDir['stat']> {
  const stat = tryStat(root, fromText(path));
  if (stat !== undefined) return stat;
  throw new TsbuildError(
    'COPY_SOURCE_NOT_FOUND',
    `the source ${JSON.stringify(path)} of the mount does not exist in ${name}`,
    { hint: nearHint(root, path) },
  );
}

function tryStat(root: RootDir, path: ByteString): ReturnType<RootDir['stat']> | undefined {
  try {
    return root.stat(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
}

function nearHint(root: RootDir, path: string): string {
  const folder = posix.dirname(path);
  const near = nearestName(posix.basename(path), namesIn(root, folder));
  if (near !== undefined) return `did you mean ${posix.join(folder, near)}?`;
  return 'source= is a path below the root of the stage, image or context that the mount is from';
}

function namesIn(root: RootDir, folder: string): readonly string[] {
  try {
    return root.list(fromText(folder)).map(toText);
  } catch {
    return [];
  }
}
