import type { Digest } from '../core/index.ts';
import { applyLayer, layerDevices } from '../snapshot/index.ts';
import type { ActiveSnapshot, MountedRoot, Snapshot, Snapshotter } from '../snapshot/index.ts';
import type { Store } from '../store/index.ts';
import { openRootDir } from '../sys/index.ts';

export interface UnpackServices {
  readonly store: Store;
  readonly snapshotter: Snapshotter;
}

export interface LayerToUnpack {
  /** Of the chain that it is the top of. */
  readonly key: string;
  /** What the tar is held against. */
  readonly diffId: Digest;
  /** The plain tar. */
  open(): Promise<AsyncIterable<Uint8Array>>;
  readonly signal: AbortSignal;
}

/** The lock under which the chain of a key is unpacked: two builds that need the same base do it once. */
export function chainLock(key: string): string {
  return `chain-${key}`;
}

/** Unpacks a layer onto its parents and notes the chain. The caller holds its lock. Throws as `applyLayer` does. */
export async function unpackLayer(
  { store, snapshotter }: UnpackServices,
  parent: Snapshot | undefined,
  layer: LayerToUnpack,
): Promise<Snapshot> {
  await using active = await snapshotter.prepare(parent);
  {
    await using tree = await writableTree(active, parent);
    const { diffId, signal } = layer;
    await applyLayer(await layer.open(), tree.root, { diffId, devices: layerDevices(), signal });
  }
  const snapshot = await active.commit();
  await store.records.put('chains', layer.key, { chain: snapshot.chain });
  return snapshot;
}

/** Below the first layer is nothing to merge it with: its files are made where they stay, past the overlay. */
async function writableTree(active: ActiveSnapshot, parent: Snapshot | undefined): Promise<MountedRoot> {
  if (parent !== undefined) return active.mount();
  const root = openRootDir(active.folder);
  return { root, [Symbol.asyncDispose]: async () => root[Symbol.dispose]() };
}
