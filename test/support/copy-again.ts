import type { Digest } from '../../src/core/index.ts';
import type { CopyStep } from '../../src/graph/index.ts';
import { CopyOp } from '../../src/ops/copy/copy-op.ts';
import { openStatCaches } from '../../src/ops/copy/stat-caches.ts';
import type { SettledState, State } from '../../src/ops/index.ts';
import type { Snapshotter, SnapshotId } from '../../src/snapshot/index.ts';
import { fileClock, openRootDir, type RootDir } from '../../src/sys/index.ts';
import { copyStep, editedState } from './copy-step.ts';
import { base } from './fresh-copy.ts';
import { opsWorld, unwatched, type OpsWorld } from './ops-world.ts';
import { tempFolder } from './temp-folder.ts';
import { treeOfFolder, type TreeEntry } from './tree.ts';
import { bytes, editTree } from './tree-edits.ts';

/** What a build of `COPY src /dest` came to. */
export interface Built {
  readonly state: SettledState;
  /** Snapshots above the parent's. */
  readonly above: number;
  readonly layer: Digest;
  readonly tree: readonly TreeEntry[];
}

/** A context and a store, in which the folder `src` is copied again and again. */
export interface AgainWorld extends AsyncDisposable {
  readonly world: OpsWorld;
  readonly source: RootDir;
  build(step?: Partial<CopyStep>, options?: { readonly anew?: boolean }): Promise<Built>;
  /** In a store where nothing was copied before. */
  cold(step?: Partial<CopyStep>): Promise<Built>;
}

const parentEdits = [
  ...base,
  'dir dest 0751',
  'file dest/own 0644 x',
  ...['etc/passwd', 'dest/own', 'dest', 'etc'].map((path) => `time ${path} 5`),
];

const parents = new WeakMap<Snapshotter, State>();

export async function againWorld(edits: readonly string[]): Promise<AgainWorld> {
  const folder = tempFolder('context').path;
  const source = openRootDir(folder);
  editTree(source, ['dir src 0755', ...edits]);
  // Else a whole copy is so cheap that nothing is noted.
  source.write(bytes('src/z-filler'), Buffer.alloc(5 << 19, 'filler'), 0o644);
  const world = await opsWorld(folder);
  return {
    world,
    source,
    build: (step, options) => buildIn(world, step, options),
    async cold(step) {
      await using other = await opsWorld(folder);
      return await buildIn(other, step);
    },
    async [Symbol.asyncDispose]() {
      source[Symbol.dispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

async function buildIn(
  { services, snapshotter }: OpsWorld,
  step: Partial<CopyStep> = {},
  { anew = false }: { readonly anew?: boolean } = {},
): Promise<Built> {
  await rested();
  await using statCaches = openStatCaches(services.store, { anew });
  const parent = parents.get(snapshotter) ?? (await editedState(snapshotter, parentEdits));
  parents.set(snapshotter, parent);
  const op = new CopyOp(copyStep(step), { ...services, statCaches });
  await op.cacheMap(unwatched.signal);
  const made = await op.exec([parent], { ...unwatched, anew });
  const state = await made.settled;
  const layer = state.layers.at(-1)?.diffId;
  if (layer === undefined) throw new Error('a copy without a layer');
  await using view = await snapshotter.view(state.snapshot);
  return {
    state,
    above: (state.snapshot?.chain.length ?? 0) - (parent.snapshot?.chain.length ?? 0),
    layer,
    tree: await treeOfFolder(`/proc/${process.pid}/fd/${view.root.fd}/.`, { times: true }),
  };
}

export function topOf({ state }: Built): SnapshotId {
  if (state.snapshot === undefined) throw new Error('a copy without files');
  return state.snapshot.id;
}

/** Until a change of what was just written would show in its times. */
async function rested(): Promise<void> {
  const began = fileClock();
  while (fileClock() - began < 25) await new Promise((resolve) => setTimeout(resolve, 5));
}
