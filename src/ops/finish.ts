import { digestParts, type Json } from '../core/index.ts';
import type { BuildPlan } from '../graph/index.ts';
import { storeImage, type Image } from '../image/index.ts';
import { chainId } from '../oci/index.ts';
import type { HistoryEntry } from '../oci/types.ts';
import type { Store } from '../store/index.ts';
import type { LayerState, SettledState } from './types.ts';

export interface FinishOptions {
  /** SOURCE_DATE_EPOCH in seconds: nothing this build made is dated later (O-52, O-53). */
  readonly epoch?: number | undefined;
  /** Of the manifest. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** Further members of the config. */
  readonly extra?: Readonly<Record<string, Json>> | undefined;
}

/**
 * Writes the parts of the image that a plan and its solved state come to; keeping it is up to `keepImage`. The same cached
 * state gives the same image, to the byte.
 */
export async function finishImage(
  store: Store,
  built: { readonly plan: BuildPlan; readonly state: SettledState },
  options: FinishOptions,
): Promise<Image> {
  const { plan, state } = built;
  await rememberChain(store, state);
  const history = datedHistory(plan.history, state.layers, options.epoch);
  return storeImage(store, {
    annotations: options.annotations,
    extra: options.extra,
    platform: plan.platform,
    author: plan.author,
    config: plan.config,
    history,
    layers: state.layers.map(({ diffId, descriptor }) => ({ diffId, descriptor })),
    created: newest(history) ?? new Date((options.epoch ?? 0) * 1000).toISOString(),
  });
}

/** `run` and FROM find the files of a built image by its chain id, without unpacking its layers again. */
async function rememberChain(store: Store, state: SettledState): Promise<void> {
  const top = chainId(state.layers.map((layer) => layer.diffId));
  if (top === undefined || state.snapshot === undefined) return;
  const key = digestParts(top).hex;
  if (!(await store.records.has('chains', key)))
    await store.records.put('chains', key, { chain: state.snapshot.chain });
}

/**
 * Entries of layers take the time their layer was made, those without a layer the time of the entry before: times come
 * from the cache with the layers, so that a build that runs nothing gives the very same image.
 */
function datedHistory(
  history: readonly HistoryEntry[],
  layers: readonly LayerState[],
  epoch: number | undefined,
): readonly HistoryEntry[] {
  let layer = 0;
  let latest: string | undefined;
  return history.map((entry) => {
    const made = entry.empty_layer === true ? undefined : layers[layer++]?.created;
    if (entry.created !== undefined) {
      latest = entry.created;
      return entry;
    }
    latest = clamp(made ?? latest, epoch);
    return latest === undefined ? entry : { ...entry, created: latest };
  });
}

function clamp(time: string | undefined, epoch: number | undefined): string | undefined {
  if (time === undefined || epoch === undefined) return time;
  return Date.parse(time) > epoch * 1000 ? new Date(epoch * 1000).toISOString() : time;
}

function newest(history: readonly HistoryEntry[]): string | undefined {
  const times = history.flatMap(({ created }) => (created === undefined ? [] : [created]));
  return times.reduce<string | undefined>(
    (best, time) => (best === undefined || Date.parse(time) > Date.parse(best) ? time : best),
    undefined,
  );
}
