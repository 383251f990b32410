import { setTimeout as sleep } from 'node:timers/promises';

import { TsbuildError } from '../core/index.ts';
import { blobOfBytes } from '../image/index.ts';
import { familiarName, parseReference, type Reference } from '../oci/index.ts';
import { pushContent, readRepository, type RegistryOptions } from '../registry/index.ts';
import { sameRecords, withBlobs, type Harvest } from './collect.ts';
import type { LayerFetcher } from './fetch.ts';
import { cacheConfigType, decodeCache, maxCacheBytes, type EncodedCache } from './format.ts';
import { mergedCache } from './merge.ts';
import { lendersOf, outgoingLayers } from './outgoing.ts';
import type { CacheExport, CachePart } from './types.ts';
import type { Store } from '../store/index.ts';

export interface ExportJob {
  readonly store: Store;
  readonly fetcher: LayerFetcher;
  readonly harvest: Harvest;
  /** What the records become; its own are those of the harvest. */
  readonly part: Pick<CachePart, 'scope' | 'platform' | 'exported'>;
  readonly warn: (message: string) => void;
  readonly options: RegistryOptions;
}

const maxTries = 5;

/**
 * Puts a part into the cache of a registry beside what others have put there. Registries know no conditional writes: what is
 * there is read when all layers have arrived, the manifest follows at once, and the tag is looked at again after a time in
 * which whoever read at the same moment has written, too. What was lost by that is put there again. Throws REFERENCE_INVALID
 * where the name is one of an image, and the REGISTRY_ codes.
 */
export async function exportToRegistry(
  spec: Extract<CacheExport, { kind: 'registry' }>,
  job: ExportJob,
): Promise<void> {
  const reference = parseReference(spec.ref);
  const { harvest, store, fetcher, options } = job;
  const before = ownPart((await readCache(reference, job)) ?? [], job);
  if (before !== undefined && sameRecords(before.records, harvest.records)) return;
  // What stood in our place is what we replace; seeing it again means that ours was lost.
  const replaced = new Set([before?.exported]);
  await using folder = await store.tempDir();
  const layers = await outgoingLayers(harvest.places, {
    ...{ store, fetcher, folder: folder.path },
    ...{ form: spec.form, to: reference },
  });
  const diffIds = [...harvest.places.keys()];
  for (let tries = 0; tries < maxTries; tries++) {
    let encoded: EncodedCache | undefined;
    let read = 0;
    await pushContent(
      reference,
      {
        layers,
        config: async (sent) => {
          const blobs = new Map(diffIds.map((diffId, index) => [diffId, sent[index]]));
          const part = { ...job.part, records: withBlobs(harvest.records, blobs) };
          read = performance.now();
          const there = (await readCache(reference, job)) ?? [];
          replaced.add(ownPart(there, job)?.exported);
          const made = mergedCache(there, part).encoded;
          encoded = made;
          return blobOfBytes(made.config.descriptor.digest, made.config.bytes);
        },
        manifest: () => {
          if (encoded === undefined) throw new Error('a manifest before its config');
          return encoded.manifest;
        },
        mountRepositories: lendersOf(harvest.places, reference),
      },
      options,
    );
    // Others take about as long between reading and writing as this one did.
    const pause = Math.min(2000, Math.max(100, 2 * (performance.now() - read)));
    await sleep(pause, undefined, { signal: options.signal }).catch(() => undefined);
    options.signal?.throwIfAborted();
    const there = await readCache(reference, job);
    if (there === undefined) return;
    const now = ownPart(there, job);
    if (now?.exported === job.part.exported || !replaced.has(now?.exported)) return;
  }
  throw new TsbuildError(
    'REGISTRY_ERROR',
    `the cache ${familiarName(reference)} does not keep what is put there`,
    {
      hint: 'too many builds write to it at once: give them caches of their own, and name all of them in --cache-from',
    },
  );
}

function ownPart(parts: readonly CachePart[], { part }: ExportJob): CachePart | undefined {
  return parts.find(({ scope, platform }) => scope === part.scope && platform === part.platform);
}

/**
 * What is there now; nothing where the name is free, or where what was there cannot be read. Undefined where reading is not
 * allowed: some registries say so of what does not exist yet.
 */
async function readCache(
  reference: Reference,
  { options, warn }: ExportJob,
): Promise<readonly CachePart[] | undefined> {
  const name = familiarName(reference);
  try {
    return await readRepository(reference, options, async (repository) => {
      const { parsed } = await repository.manifest();
      const manifest = parsed.kind === 'manifest' ? parsed.manifest : undefined;
      if (manifest?.config.mediaType !== cacheConfigType) throw taken(name);
      return decodeCache(manifest, await repository.bytes(manifest.config, maxCacheBytes));
    });
  } catch (error) {
    if (!(error instanceof TsbuildError)) throw error;
    if (error.code === 'IMAGE_NOT_FOUND') return [];
    if (error.code === 'REGISTRY_DENIED') return undefined;
    if (error.code !== 'IMAGE_INVALID' && error.code !== 'DIGEST_MISMATCH') throw error;
    warn(`cache ${name}: what was there is replaced: ${error.message}`);
    return [];
  }
}

/** A slip of the hand must not put a cache in the place of an image that machines run. */
function taken(name: string): TsbuildError {
  return new TsbuildError('REFERENCE_INVALID', `${name} is not a cache: it names something else`, {
    hint: 'give the cache a tag of its own, as app:buildcache',
  });
}
