import { mainContext } from '../../src/graph/index.ts';
import { carryOut, type CopySource, type CopyTarget } from '../../src/ops/copy/carry-out.ts';
import { prepareFresh } from '../../src/ops/copy/fresh.ts';
import { storeFresh } from '../../src/ops/copy/fresh-layer.ts';
import { selectWords } from '../../src/ops/copy/selection.ts';
import { contextTree, stateTree } from '../../src/ops/copy/tree.ts';
import type { State } from '../../src/ops/index.ts';
import { emptyState, stateOf } from '../../src/ops/state.ts';
import { Breath, packSnapshot, type PackedLayer } from '../../src/snapshot/index.ts';
import { openRootDir } from '../../src/sys/index.ts';
import { editedState } from './copy-step.ts';
import { opsWorld, type OpsWorld } from './ops-world.ts';
import { tempFolder } from './temp-folder.ts';
import { treeOfFolder, type TreeEntry } from './tree.ts';
import { editTree } from './tree-edits.ts';

/** A copy of the folder `src`. */
export interface Case {
  readonly source: readonly string[];
  readonly parent?: readonly string[];
  readonly destination?: string;
  readonly target?: Partial<CopyTarget>;
  /** A stage that has the source, in place of the context. */
  readonly stage?: State;
}

export interface Outcome {
  readonly layer: PackedLayer;
  readonly upper: readonly TreeEntry[];
  readonly fresh: boolean;
}

export const base = ['dir etc 0755', 'file etc/passwd 0644 x', 'time etc 1000.5'];

export async function worldOf({ source }: Case): Promise<OpsWorld> {
  const context = tempFolder('context').path;
  using root = openRootDir(context);
  editTree(root, ['dir src 0755', ...source, 'time src 7.25']);
  return await opsWorld(context);
}

/** What the copy comes to, without a comparison where it can be, or always with one. */
export async function outcome(
  world: OpsWorld,
  parent: State,
  { destination = '/dest', target = {}, stage, freshly }: Case & { readonly freshly: boolean },
): Promise<Outcome> {
  const { snapshotter, store } = world.services;
  const breath = new Breath();
  await using view = await snapshotter.view(stage?.snapshot);
  const isStage = stage !== undefined;
  const tree = isStage ? stateTree(view) : contextTree(world.services, mainContext);
  const selected = await selectWords(tree, ['src'], { owners: isStage, unread: isStage, breath });
  const source: CopySource = { ...(await selected.files()), tree, keepOwners: isStage, unpack: false };
  await using active = await snapshotter.prepare(parent.snapshot);
  let fresh;
  {
    await using mounted = await active.mount();
    const into: CopyTarget = {
      root: mounted.root,
      destination,
      created: { uid: 0, gid: 0, mode: 0o755 },
      chown: undefined,
      mode: (mode) => mode,
      keepFolders: false,
      ...target,
    };
    if (freshly) fresh = prepareFresh(into, [source]);
    if (fresh === undefined) await carryOut(into, source, breath);
  }
  const layer = fresh && (await storeFresh(store.blobs, fresh, { folder: active.folder, breath }));
  const snapshot = await active.commit();
  const entries = await treeOfFolder(snapshotter.lowers(snapshot)[0] ?? '', { times: true });
  return {
    layer: layer ?? (await packSnapshot(snapshotter, snapshot, store.blobs)),
    // Overlay's own marks say nothing of what shows.
    upper: entries.map(({ xattrs, ...entry }) => ({
      ...entry,
      xattrs: (xattrs ?? []).filter((mark) => !/^(trusted|user)\.overlay\./.test(mark)),
    })),
    fresh: fresh !== undefined,
  };
}

export async function bothWays(
  given: Case,
): Promise<{ readonly freshly: Outcome; readonly compared: Outcome }> {
  await using world = await worldOf(given);
  const parent =
    given.parent === undefined
      ? stateOf(emptyState)
      : await editedState(world.snapshotter, [...base, ...given.parent]);
  // A folder made on the way has the time at which it was made.
  const compared = await outcome(world, parent, { ...given, freshly: false });
  return { compared, freshly: await outcome(world, parent, { ...given, freshly: true }) };
}

export async function removing(world: OpsWorld, parent: State, edits: readonly string[]): Promise<State> {
  await using active = await world.snapshotter.prepare(parent.snapshot);
  {
    await using mounted = await active.mount();
    editTree(mounted.root, edits);
  }
  return stateOf({ ...emptyState, snapshot: await active.commit() });
}
