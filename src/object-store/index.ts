import { azurePlace } from './azure.ts';
import { ghaPlace } from './gha.ts';
import { s3Place } from './s3.ts';
import type { BlobPlace, PlaceOptions, ServiceSpec } from './types.ts';

export { inParallel } from './exchange.ts';
export { placeName } from './name.ts';
export type * from './types.ts';

/** Reads and writes nothing yet. Throws CACHE_SERVICE_DENIED where no credentials are known. */
export function openPlace(spec: ServiceSpec, options: PlaceOptions): BlobPlace {
  switch (spec.kind) {
    case 'gha':
      return ghaPlace(spec, options);
    case 's3':
      return s3Place(spec, options);
    case 'azblob':
      return azurePlace(spec, options);
  }
}
