import { TsbuildError } from '../core/index.ts';
import { defaultRetryPolicy, type RegistryOptions } from '../registry/index.ts';
import { openPlace, placeName, type BlobPlace, type ServiceSpec } from '../object-store/index.ts';
import { decodeDocument } from './place-document.ts';
import type { CacheSource } from './source.ts';

/** A cache that a service keeps. Nothing is asked of the environment before it is read: what is missing there is no failure. */
export function placeSource(spec: ServiceSpec, options: RegistryOptions): CacheSource {
  const name = placeName(spec);
  let opened: BlobPlace | undefined;
  const place = (): BlobPlace => (opened ??= openPlace(spec, placeOptions(options)));
  return {
    name,
    reference: undefined,
    async read() {
      const documents = await place().documents();
      if (documents.length === 0)
        throw new TsbuildError('IMAGE_NOT_FOUND', 'the service has no cache of this name');
      return documents.flatMap(decodeDocument);
    },
    blobs: async (task) => task((descriptor) => place().read(descriptor)),
  };
}

const defaultStall = 60_000;

export function placeOptions({
  signal = new AbortController().signal,
  retry = defaultRetryPolicy,
  stall = defaultStall,
}: RegistryOptions): Parameters<typeof openPlace>[1] {
  return { signal, retry, stall };
}
