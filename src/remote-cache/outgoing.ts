import type { Digest } from '../core/index.ts';
import { knownForm, packLayer, storedBlob, type LayerForm } from '../image/index.ts';
import { mediaTypes, type Reference } from '../oci/index.ts';
import type { LayerState } from '../ops/index.ts';
import type { EarlyBytes, OutgoingLayer } from '../registry/index.ts';
import type { Store } from '../store/index.ts';
import type { LayerPlace } from './collect.ts';
import type { LayerFetcher } from './fetch.ts';

export interface OutgoingOptions {
  readonly store: Store;
  readonly fetcher: LayerFetcher;
  readonly form: LayerForm;
  /** For compressed bytes on their way. */
  readonly folder: string;
  /** Where they go to, of a registry. */
  readonly to?: Reference | undefined;
}

/** Layers in the order of the map, each made ready when it must travel and no sooner. */
export async function outgoingLayers(
  places: ReadonlyMap<Digest, LayerPlace>,
  options: OutgoingOptions,
): Promise<readonly OutgoingLayer[]> {
  return Promise.all([...places].map(async ([diffId, place]) => outgoingLayer(diffId, place, options)));
}

async function outgoingLayer(
  diffId: Digest,
  place: LayerPlace,
  options: OutgoingOptions,
): Promise<OutgoingLayer> {
  const { store, fetcher, form, to } = options;
  switch (place.kind) {
    case 'store':
      return {
        known: (await knownForm(store, diffId, form))?.descriptor,
        plain: isPlain(place.layer) && form.compression !== 'none' ? place.layer.descriptor : undefined,
        prepare: async (early) => pack(place.layer, { ...options, early }),
        mounts: () => [],
      };
    case 'source': {
      const { layer, source } = place;
      return {
        known: layer.blob,
        prepare: async () => {
          const [fetched] = await fetcher.fetch([layer], source);
          if (fetched === undefined) throw new Error('a layer that was not fetched');
          return pack(fetched, options);
        },
        mounts: () => lendersOf(new Map([[diffId, place]]), to),
      };
    }
  }
}

/** Other repositories of the registry `to` that have some of the layers. */
export function lendersOf(
  places: ReadonlyMap<Digest, LayerPlace>,
  to: Reference | undefined,
): readonly string[] {
  const lenders = [...places.values()].flatMap((place) => {
    const from = place.kind === 'source' ? place.source.reference : undefined;
    return from !== undefined && from.registry === to?.registry ? [from.repository] : [];
  });
  return [...new Set(lenders)].filter((repository) => repository !== to?.repository).slice(0, 10);
}

function isPlain({ diffId, descriptor }: LayerState): boolean {
  return descriptor.digest === diffId;
}

async function pack(
  layer: LayerState,
  { store, form, folder, early }: OutgoingOptions & { readonly early?: EarlyBytes | undefined },
): ReturnType<OutgoingLayer['prepare']> {
  const { diffId, descriptor } = layer;
  if (form.compression === 'none' && isPlain(layer)) {
    const plain = { mediaType: mediaTypes.layer, digest: diffId, size: descriptor.size };
    return { descriptor: plain, source: storedBlob(store, plain) };
  }
  return packLayer(store, layer, { form, folder, early });
}
