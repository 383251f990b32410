import { canonicalJson, TsbuildError } from '../core/index.ts';
import type { Descriptor } from '../oci/types.ts';
import { inParallel, openPlace, type BlobPlace } from '../object-store/index.ts';
import type { OutgoingLayer } from '../registry/index.ts';
import { sameRecords, withBlobs } from './collect.ts';
import type { ExportJob } from './export-registry.ts';
import { mergedCache } from './merge.ts';
import { outgoingLayers } from './outgoing.ts';
import { decodeDocument, encodeDocument } from './place-document.ts';
import { placeOptions } from './place-source.ts';
import type { CacheExport, CachePart } from './types.ts';

/**
 * Puts a part into the cache that a service keeps, beside what others have put there. Such services forget what is not
 * used: each layer is asked for though the document may name it already.
 */
export async function exportToPlace(
  spec: Extract<CacheExport, { kind: 'service' }>,
  job: ExportJob,
): Promise<void> {
  const { harvest, store, fetcher, options } = job;
  const place = openPlace(spec.service, placeOptions(options));
  await using folder = await store.tempDir();
  const layers = await outgoingLayers(harvest.places, {
    ...{ store, fetcher, folder: folder.path },
    form: spec.form,
  });
  const sent = await inParallel(layers, place.parallelism, async (layer) => putLayer(place, layer));
  const blobs = new Map([...harvest.places.keys()].map((diffId, index) => [diffId, sent[index]]));
  const part = { ...job.part, records: withBlobs(harvest.records, blobs) };
  // What stood in our place is what we replace; another there means that a build of the same name came after us.
  const replaced = new Map<string, Set<string | undefined>>();
  await place.replace((there, name) => {
    const parts = partsIn(there, place, job);
    const own = parts.find(({ scope, platform }) => scope === part.scope && platform === part.platform);
    const before = replaced.get(name);
    if (own !== undefined && isSame(own, part)) return undefined;
    if (before !== undefined && !before.has(own?.exported)) return undefined;
    replaced.set(name, (before ?? new Set()).add(own?.exported));
    return encodeDocument(mergedCache(parts, part).encoded);
  });
}

async function putLayer(place: BlobPlace, layer: OutgoingLayer): Promise<Descriptor> {
  const { known } = layer;
  if (known !== undefined && (await place.has(known))) return known;
  const { descriptor, source } = await layer.prepare();
  const isThere = descriptor.digest !== known?.digest && (await place.has(descriptor));
  if (!isThere) await place.put(source);
  return descriptor;
}

function partsIn(there: Buffer | undefined, { name }: BlobPlace, { warn }: ExportJob): readonly CachePart[] {
  if (there === undefined) return [];
  try {
    return decodeDocument(there);
  } catch (error) {
    if (!(error instanceof TsbuildError)) throw error;
    warn(`cache ${name}: what was there is replaced: ${error.message}`);
    return [];
  }
}

/** Whether they say the same and lead to the same bytes, whenever they were exported. */
function isSame(one: CachePart, other: CachePart): boolean {
  const blobs = ({ records }: CachePart): string =>
    canonicalJson(records.flatMap(({ layers }) => layers.map(({ blob }) => blob?.digest ?? null)));
  return sameRecords(one.records, other.records) && blobs(one) === blobs(other);
}
