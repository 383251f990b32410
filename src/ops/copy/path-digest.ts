import { canonicalJson, digestOf, type Digest } from '../../core/index.ts';
import { Breath } from '../../snapshot/index.ts';
import type { BuildServices, State } from '../types.ts';
import { cleanSource } from './select.ts';
import { selectOnePath } from './selection.ts';
import { stateTree } from './tree.ts';

/**
 * Digest of what a mount shows of a path of a state (L-131): names, types, modes, owners, links, devices, xattrs and
 * content; times do not count. The whole state's own digest for the root. Throws COPY_SOURCE_NOT_FOUND.
 */
export async function pathDigest(
  { snapshotter }: Pick<BuildServices, 'snapshotter'>,
  state: State,
  { path, signal }: { readonly path: string; readonly signal: AbortSignal },
): Promise<Digest> {
  if (cleanSource(path) === '') return (await state.settled).contentDigest;
  await using view = await snapshotter.view(state.snapshot);
  const { selection, digests } = await selectOnePath(stateTree(view), path, {
    owners: true,
    breath: new Breath(signal),
  });
  const [matched] = selection.matches;
  const { mode, uid, gid } = matched?.match.stat ?? { mode: 0, uid: 0, gid: 0 };
  return digestOf(canonicalJson({ path: [mode, uid, gid], content: digests.digest }));
}
