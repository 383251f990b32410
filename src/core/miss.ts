import type { Digest } from './digest.ts';
import type { Json } from './json.ts';

/** Where in the parts of a cache key: names of members and of assignments, positions in lists. */
export type PartPath = readonly (string | number)[];

/** One difference between two versions of a key's parts, as deep inside as it can be told. */
export type PartChange =
  | {
      readonly kind: 'changed';
      readonly path: PartPath;
      readonly before: Json;
      readonly after: Json;
      /** What differs behind two digests: the files of a COPY, by name. */
      readonly inside?: readonly PartChange[] | undefined;
    }
  | { readonly kind: 'added'; readonly path: PartPath; readonly after: Json }
  | { readonly kind: 'removed'; readonly path: PartPath; readonly before: Json }
  /** The same assignments in another order. */
  | { readonly kind: 'reordered'; readonly path: PartPath };

/** Why no record of the cache answers a step's definition key. */
export type MissReason =
  /** The step is to be made anew (--no-cache). */
  | { readonly kind: 'no-cache' }
  /** No record of this identity, nor of these parts. */
  | { readonly kind: 'first-time' }
  /** The step itself is not what it was when the record of `created` was saved. */
  | { readonly kind: 'definition'; readonly changes: readonly PartChange[]; readonly created: string }
  | { readonly kind: 'inputs'; readonly inputs: readonly InputChange[]; readonly created: string }
  /** There is a result of exactly this, of `created`; it or something below it is older than --cache-ttl allows. */
  | { readonly kind: 'expired'; readonly created: string }
  /** There was a result of exactly this, and it is no longer whole. `pruned`: ISO 8601, when it was pruned. */
  | { readonly kind: 'lost'; readonly pruned?: string | undefined };

/** An input that is not what it was. */
export type InputChange = {
  /** Among the step's inputs. */
  readonly index: number;
  /** Names the step it is the result of. */
  readonly id: Digest;
} & (
  | { readonly cause: 'definition' }
  /** The cache answers it: it is another step than the one that stood there. */
  | { readonly cause: 'another' }
  /** Another part of it counts. */
  | { readonly cause: 'selector'; readonly before: string | undefined; readonly after: string | undefined }
  /** The same as before, but it or something below it is to be made anew. */
  | { readonly cause: 'anew' }
);
