import type { Digest } from '../core/index.ts';
import type { LayerForm } from '../image/index.ts';
import type { ServiceSpec } from '../object-store/types.ts';
import type { Descriptor } from '../oci/types.ts';
import type { InputKey, KeyParts } from '../solver/index.ts';

/** Where cached results are taken from. */
export type CacheImport =
  /** A cache in a registry, or an image with an inline cache. `ref` as given. */
  | { readonly kind: 'registry'; readonly ref: string }
  /** A repository with a tag for each step. `repository` as given. */
  | { readonly kind: 'steps'; readonly repository: string }
  /** A folder with an OCI layout. */
  | { readonly kind: 'local'; readonly src: string; readonly tag: string }
  | { readonly kind: 'service'; readonly service: ServiceSpec };

interface Export {
  /** `min`: results whose layers are those of the image; `max`: all. */
  readonly mode: 'min' | 'max';
  /** A failure is a warning. */
  readonly ignoreError: boolean;
  /** What this build's part of the cache is called, beside the platform; unless told, by Dockerfile, context and target. */
  readonly scope: string | undefined;
  readonly form: LayerForm;
}

/** Where the results of a build are put for others. */
export type CacheExport =
  | (Export & { readonly kind: 'registry'; readonly ref: string })
  | (Export & { readonly kind: 'steps'; readonly repository: string })
  | (Export & {
      readonly kind: 'local';
      readonly dest: string;
      readonly tag: string;
      /** What earlier builds put there goes. */
      readonly reset: boolean;
    })
  | (Export & { readonly kind: 'service'; readonly service: ServiceSpec })
  /** Within the image's own config; its layers are the image's. */
  | { readonly kind: 'inline' };

/** How many of the imported results are made again for comparison. */
export type VerifySample =
  { readonly kind: 'count'; readonly count: number } | { readonly kind: 'percent'; readonly percent: number };

/** One layer of a cached result. */
export interface CachedLayer {
  readonly diffId: Digest;
  /** ISO 8601, when the step made it; undefined of a base image's layers, which are not in the cache. */
  readonly created: string | undefined;
  /** The bytes that the cache has; undefined of a base image's layers. */
  readonly blob: Descriptor | undefined;
}

/** One result as a cache keeps it. */
export interface ForeignRecord {
  /** The definition key. */
  readonly key: Digest;
  readonly partsDigest: Digest;
  /** For explaining; left out where they are large. */
  readonly parts: KeyParts | undefined;
  /** Of the definition key. */
  readonly inputKeys: readonly InputKey[];
  /** Of each content key. */
  readonly contents: readonly (readonly InputKey[])[];
  readonly identity: string;
  /** ISO 8601. */
  readonly created: string;
  /** Bottom first. */
  readonly layers: readonly CachedLayer[];
}

/** What one build put into a cache; the next build of the same scope and platform replaces it. */
export interface CachePart {
  readonly scope: string;
  /** `linux/amd64` */
  readonly platform: string;
  /** ISO 8601. */
  readonly exported: string;
  readonly records: readonly ForeignRecord[];
}
