import { digestParts, type Json } from '../core/index.ts';
import type { BuildPlan } from '../graph/index.ts';
import { alignHistory, storeImage, type Image } from '../image/index.ts';
import { chainId } from '../oci/index.ts';
import type { HistoryEntry } from '../oci/types.ts';
import type { Store } from '../store/index.ts';
import type { ImageServices } from './image.ts';
import { redatedLayer, type Redating } from './redate.ts';
import { squashedHistory, squashState } from './squash.ts';
import type { LayerState, SettledState } from './types.ts';

export interface FinishOptions {
  /** SOURCE_DATE_EPOCH in seconds: nothing this build made is dated later (O-52, O-53). */
  readonly epoch?: number | undefined;
  /** Times of files in new layers, too: `clamp` to the epoch where they are later, or all `exact`ly that, and the image's. */
  readonly rewrite?: Redating['how'] | undefined;
  /** The layers as one: `new` those above the base, `all` the base's, too. */
  readonly squash?: 'new' | 'all' | undefined;
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
  services: ImageServices,
  built: { readonly plan: BuildPlan; readonly state: SettledState; readonly signal: AbortSignal },
  options: FinishOptions,
): Promise<Image> {
  const { store } = services;
  const { plan, state } = built;
  const { epoch, rewrite } = options;
  const clock: Clock = { latest: epoch, always: rewrite === 'exact' };
  await rememberChain(store, state);
  const keep = options.squash === 'all' ? 0 : countBaseLayers(state);
  // A base may tell less or more than it has layers (O-34): entries and layers are counted side by side below.
  const aligned = alignHistory(plan.history, state.layers.length);
  const dated = datedHistory(aligned, state.layers, clock);
  const shaped = await shapedState(services, built, { ...options, keep });
  const merged = state.layers.length - shaped.layers.length;
  const history =
    merged === 0
      ? dated
      : squashedHistory(dated, {
          keep,
          merged: merged + 1,
          created: clockTime(shaped.layers.at(-1)?.created, clock),
        });
  const created = clockTime(newest(history), clock) ?? new Date((epoch ?? 0) * 1000).toISOString();
  return storeImage(store, {
    annotations: options.annotations,
    extra: options.extra,
    platform: plan.platform,
    author: plan.author,
    config: plan.config,
    history,
    layers: shaped.layers.map(({ diffId, descriptor }) => ({ diffId, descriptor })),
    created,
  });
}

/** Layers that came with the base image: those have no time of their own here. */
export function countBaseLayers({ layers }: Pick<SettledState, 'layers'>): number {
  const own = layers.findIndex(({ created }) => created !== undefined);
  return own < 0 ? layers.length : own;
}

async function shapedState(
  services: ImageServices,
  { state, signal }: { readonly state: SettledState; readonly signal: AbortSignal },
  { squash, rewrite, epoch, keep }: FinishOptions & { readonly keep: number },
): Promise<SettledState> {
  const squashed = squash === undefined ? state : await squashState(services, state, { keep, signal });
  if (squashed !== state) await rememberChain(services.store, squashed);
  if (rewrite === undefined || epoch === undefined) return squashed;
  const layers: LayerState[] = squashed.layers.slice(0, keep);
  for (const layer of squashed.layers.slice(keep)) {
    signal.throwIfAborted();
    layers.push(await redatedLayer(services, layer, { epoch, how: rewrite }));
  }
  return { ...squashed, layers };
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
  clock: Clock,
): readonly HistoryEntry[] {
  let layer = 0;
  let latest: string | undefined;
  return history.map((entry) => {
    const made = entry.empty_layer === true ? undefined : layers[layer++]?.created;
    if (entry.created !== undefined) {
      latest = entry.created;
      return entry;
    }
    latest = clockTime(made ?? latest, clock);
    return latest === undefined ? entry : { ...entry, created: latest };
  });
}

/** What SOURCE_DATE_EPOCH makes of a time: `always` that, or that at most. */
interface Clock {
  readonly latest: number | undefined;
  readonly always: boolean;
}

function clockTime(time: string | undefined, { latest, always }: Clock): string | undefined {
  if (latest === undefined || (time === undefined && !always)) return time;
  const isEarlier = time !== undefined && Date.parse(time) <= latest * 1000;
  return isEarlier && !always ? time : new Date(latest * 1000).toISOString();
}

function newest(history: readonly HistoryEntry[]): string | undefined {
  const times = history.flatMap(({ created }) => (created === undefined ? [] : [created]));
  return times.reduce<string | undefined>(
    (best, time) => (best === undefined || Date.parse(time) > Date.parse(best) ? time : best),
    undefined,
  );
}
