import { closeSync, openSync } from 'node:fs';

import { resolveOwner } from '../../../runtime/index.ts';
import type { Breath, PackedLayer, Snapshot } from '../../../snapshot/index.ts';
import type { RootDir } from '../../../sys/index.ts';
import { commitState } from '../../state.ts';
import type { BuildServices, State } from '../../types.ts';
import { forgetIfChanged, ownerOfCopies, type CopyTarget } from '../carry-out.ts';
import { resolveDestination } from '../destination.ts';
import { foldersTo } from '../entries.ts';
import type { SelectedTree } from '../selection.ts';
import type { SourceTree } from '../select.ts';
import type { Transfer } from '../transfer.ts';
import { carryOutDifferences } from './carry-out.ts';
import { findCopied, type Copied } from './copied.ts';
import { DamagedLayer, storeChanged } from './layer.ts';
import { planDifferences, type Differences } from './plan.ts';

/** Stacks of more are as slow to look into as they are deep, and the kernel has its limit. */
const mostLayers = 200;

export interface CopyAgain {
  readonly parent: State & { readonly snapshot: Snapshot };
  /** See `copiedKey`. */
  readonly key: string;
  readonly from: SourceTree;
  readonly tree: SelectedTree;
  readonly destination: string;
  /** `--chown`. */
  readonly chown: string | undefined;
  readonly mode: CopyTarget['mode'];
  readonly breath: Breath;
}

/**
 * A COPY whose result is an earlier whole one and, in a snapshot on top of it, what differs: the tree and the layer of a
 * whole copy. Undefined where there is none to begin with, or where a whole copy is the better way. Throws CONTEXT_CHANGED.
 */
export async function copyAgain(services: BuildServices, copy: CopyAgain): Promise<State | undefined> {
  const { snapshotter, store } = services;
  const { parent, key } = copy;
  if (parent.snapshot.chain.length > mostLayers) return undefined;
  const copied = await findCopied(services, key);
  if (copied === undefined) return undefined;
  const transfer = { owner: await ownerOf(services, copy), mode: copy.mode };
  await using active = await snapshotter.prepare(copied.snapshot);
  const fd = openSync(store.blobs.path(copied.layer.diffId), 'r');
  let layer: PackedLayer | undefined;
  try {
    await using mounted = await active.mount();
    layer = await forgetIfChanged({ tree: copy.from }, () =>
      changedLayer(services, copy, { copied, fd, root: mounted.root, transfer }),
    );
  } catch (error) {
    if (!(error instanceof DamagedLayer)) throw error;
    await store.blobs.delete(copied.layer.diffId);
  } finally {
    closeSync(fd);
  }
  return layer && (await commitState(services, parent, active, { layer }));
}

interface Again {
  readonly copied: Copied;
  readonly fd: number;
  readonly root: RootDir;
  readonly transfer: Pick<Transfer, 'owner' | 'mode'>;
}

async function changedLayer(
  { snapshotter, store }: BuildServices,
  { from, tree, destination: written, breath }: CopyAgain,
  { copied, fd, root, transfer }: Again,
): Promise<PackedLayer | undefined> {
  const selection = { matches: [{ match: tree.match, items: [] }] };
  const destination = resolveDestination(root, written, selection).path;
  await using files = await snapshotter.contents(copied.snapshot);
  const planned = { copied, fd, files: files.root, tree, destination, transfer };
  const differences = await planDifferences(planned);
  // What the parent has under a name is for a comparison to look at.
  if (differences === undefined || isTaken(root, differences)) return undefined;
  await carryOutDifferences(transferOf({ from, root, transfer, breath }, differences), differences, {
    path: destination,
    time: { seconds: tree.match.stat.mtime, nanos: tree.match.stat.mtimeNanos },
  });
  const folders = foldersTo(root, destination);
  return await storeChanged(store.blobs, { copied, fd, folders, parts: differences.parts, root, breath });
}

function isTaken(root: RootDir, { added, removed }: Differences): boolean {
  return added.some((target) => root.tryLstat(target) !== undefined && !removed.includes(target));
}

function transferOf(
  { from, root, transfer, breath }: Pick<CopyAgain, 'from' | 'breath'> & Pick<Again, 'root' | 'transfer'>,
  { facts }: Differences,
): Transfer {
  return {
    ...transfer,
    from: from.root,
    to: root,
    keepFolders: false,
    digests: { facts },
    breath,
    linked: new Map(),
  };
}

/** By the parent's files: the earlier copy may have brought others. */
async function ownerOf(
  { snapshotter }: BuildServices,
  { chown, parent }: CopyAgain,
): Promise<Transfer['owner']> {
  if (chown === undefined) return ownerOfCopies({ chown: undefined }, { keepOwners: false });
  await using view = await snapshotter.view(parent.snapshot);
  return resolveOwner(view.root, chown);
}
