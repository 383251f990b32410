import { constants } from 'node:fs';

import { digestParts } from '../core/index.ts';
import { chainId } from '../oci/index.ts';
import type { HistoryEntry } from '../oci/types.ts';
import { packLayer, treeChanges, type Snapshot } from '../snapshot/index.ts';
import type { ImageServices } from './image.ts';
import { stateOfLayers } from './layer-stack.ts';
import { rememberedLayer, type MadeLayer } from './remembered-layer.ts';
import type { LayerState, SettledState } from './types.ts';

export interface SquashOptions {
  /** Layers below this index stay as they are. */
  readonly keep: number;
  readonly signal: AbortSignal;
}

/**
 * The state with all layers from `keep` on as one (C-26): the difference of the whole trees, so that what one of them
 * brings and a later one removes is in neither. Files, and so the snapshot, are the same.
 */
export async function squashState(
  services: ImageServices,
  state: SettledState,
  { keep, signal }: SquashOptions,
): Promise<SettledState> {
  const [kept, merged] = [state.layers.slice(0, keep), state.layers.slice(keep)];
  const top = chainId(state.layers.map(({ diffId }) => diffId));
  if (merged.length < 2 || top === undefined) return state;
  const key = `${digestParts(top).hex}.squashed.${keep}`;
  const layer = await rememberedLayer(services, key, async () => {
    const base = await stateOfLayers(kept, services, { name: 'the layers below', signal });
    return packDifference(services, { from: base.snapshot, to: state.snapshot }, signal);
  });
  return { ...state, layers: [...kept, { ...layer, created: newest(merged) }] };
}

async function packDifference(
  { store, snapshotter }: ImageServices,
  states: { readonly from: Snapshot | undefined; readonly to: Snapshot | undefined },
  signal: AbortSignal,
): Promise<MadeLayer> {
  await using from = await snapshotter.view(states.from);
  await using to = await snapshotter.view(states.to);
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const changes = treeChanges(to.root, from.root, signal);
  return await packLayer(changes, (path) => to.root.open(path, flags), store.blobs, { signal });
}

function newest(layers: readonly LayerState[]): string | undefined {
  const times = layers.flatMap(({ created }) => (created === undefined ? [] : [created]));
  return times.sort().at(-1);
}

/** The entries of merged layers have none any more; the one they became comes last, as docker has it. */
export function squashedHistory(
  history: readonly HistoryEntry[],
  {
    keep,
    merged,
    created,
  }: { readonly keep: number; readonly merged: number; readonly created: string | undefined },
): readonly HistoryEntry[] {
  let layer = 0;
  const emptied = history.map((entry): HistoryEntry => {
    if (entry.empty_layer === true || layer++ < keep) return entry;
    return { ...entry, empty_layer: true };
  });
  return [...emptied, { created, comment: `${merged} layers made one` }];
}
