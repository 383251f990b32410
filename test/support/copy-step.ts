import { digestOf } from '../../src/core/index.ts';
import { mainContext, type CopyOrigin, type CopyStep } from '../../src/graph/index.ts';
import { CopyOp } from '../../src/ops/copy/copy-op.ts';
import type { State } from '../../src/ops/index.ts';
import { emptyState, stateOf } from '../../src/ops/state.ts';
import type { Snapshotter } from '../../src/snapshot/index.ts';
import type { RunContext } from '../../src/solver/index.ts';
import { unwatched, type OpsWorld } from './ops-world.ts';
import { bytes } from './tree-edits.ts';
import { snapshotOf } from './snapshotter-suite.ts';

/** `COPY src /dest/` unless told otherwise. */
export function copyStep(step: Partial<CopyStep> = {}): CopyStep {
  return {
    kind: 'copy',
    instruction: 'COPY',
    origins: [contextOrigin(['src'])],
    files: [],
    destination: '/dest/',
    parents: false,
    exclude: [],
    ...step,
  };
}

export function contextOrigin(paths: readonly string[]): CopyOrigin {
  return { kind: 'context', name: mainContext, paths, unpack: false };
}

/** A state of these edits (see `editTree`) on the empty root, whose layer nobody asks for. */
export async function editedState(snapshotter: Snapshotter, edits: readonly string[]): Promise<State> {
  const snapshot = await snapshotOf(snapshotter, undefined, edits);
  return stateOf({ snapshot, layers: [], contentDigest: digestOf(edits.join('\n')) });
}

/** Keys the step, then carries it out on the first of the inputs, the empty root if there is none. */
export async function copied(
  world: OpsWorld,
  step: CopyStep,
  {
    inputs = [stateOf(emptyState)],
    context = unwatched,
  }: { inputs?: readonly State[]; context?: RunContext } = {},
): Promise<State> {
  const op = new CopyOp(step, world.services);
  await op.cacheMap(context.signal);
  const state = await op.exec(inputs, context);
  await state.settled;
  return state;
}

/** All paths of a state, `path -> target` for links, as in `fixtures/copy`. */
export async function pathsOf(snapshotter: Snapshotter, { snapshot }: State): Promise<string[]> {
  await using view = await snapshotter.view(snapshot);
  const { root } = view;
  const walk = (folder: string): string[] =>
    root.list(bytes(folder)).flatMap((name) => {
      const path = folder === '' ? name : bytes(`${folder}/${name}`);
      const { type } = root.lstat(path);
      if (type === 'symlink') return [`${path} -> ${root.readlink(path)}`];
      return type === 'directory' ? [path, ...walk(path)] : [path];
    });
  return walk('');
}
