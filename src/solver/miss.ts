import type { Digest } from '../core/index.ts';
import { differences, type PartChange } from './differences.ts';
import type { Keyed } from './keyring.ts';
import type { CacheRecord, ResultCache, Vertex } from './types.ts';

/** Why no record answers a vertex's definition key. */
export type MissReason =
  /** The vertex is to be made anew (--no-cache). */
  | { readonly kind: 'no-cache' }
  /** No record of this identity, nor of these parts. */
  | { readonly kind: 'first-time' }
  /** The vertex itself is not what it was when the record of `created` was saved. */
  | { readonly kind: 'definition'; readonly changes: readonly PartChange[]; readonly created: string }
  | { readonly kind: 'inputs'; readonly inputs: readonly InputChange[]; readonly created: string }
  /** There was a result of exactly this, and it is no longer whole. */
  | { readonly kind: 'lost' };

/** An input that is not what it was. */
export type InputChange = {
  /** Among the vertex's inputs. */
  readonly index: number;
  /** Its `Vertex.id`. */
  readonly id: Digest;
} & (
  | { readonly cause: 'definition' }
  /** Another part of it counts. */
  | { readonly cause: 'selector'; readonly before: string | undefined; readonly after: string | undefined }
  /** The same as before, but it or something below it is to be made anew. */
  | { readonly cause: 'anew' }
);

/** What explaining needs of the cache. */
export type RecordReader<R> = Pick<ResultCache<R>, 'nearest' | 'latest' | 'knows'>;

export interface Missed<R> {
  readonly vertex: Vertex<R>;
  readonly keyed: Keyed<R>;
  /** Those of the vertex's inputs, in order. */
  readonly inputs: readonly Keyed<R>[];
}

/**
 * Compares a vertex that missed with the nearest record: the newest one with the same parts, else the newest one of the
 * same identity. `taken`: the parts of all vertices of the graph, whose records are theirs and no other's earlier form.
 * The weightiest reason comes first; there is always one.
 */
export async function missReasons<R>(
  missed: Missed<R>,
  records: RecordReader<R>,
  taken: ReadonlySet<Digest>,
): Promise<readonly MissReason[]> {
  const { vertex, keyed } = missed;
  if (vertex.ignoreCache) return [{ kind: 'no-cache' }];
  const nearest = await records.nearest(vertex.identity);
  const same = nearest?.partsDigest === keyed.parts ? nearest : await records.latest(keyed.parts);
  if (same !== undefined) {
    const inputs = inputReasons(missed, same);
    return inputs.length > 0 ? inputs : [{ kind: 'lost' }];
  }
  if (await records.knows(keyed.parts)) return [{ kind: 'lost' }];
  if (nearest === undefined || taken.has(nearest.partsDigest)) return [{ kind: 'first-time' }];
  const changes = differences(nearest.parts, keyed.cacheMap.parts);
  const { created } = nearest;
  return [{ kind: 'definition', changes, created }, ...inputReasons(missed, nearest)];
}

function inputReasons<R>(
  { vertex, keyed, inputs }: Missed<R>,
  { inputKeys, created }: CacheRecord<R>,
): readonly MissReason[] {
  const changes = vertex.inputs.flatMap(({ id }, index): readonly InputChange[] => {
    const [before, after] = [inputKeys[index], keyed.inputs[index]];
    if (before?.digest !== after?.digest) return [{ index, id, cause: 'definition' }];
    if (before?.selector !== after?.selector)
      return [{ index, id, cause: 'selector', before: before?.selector, after: after?.selector }];
    return inputs[index]?.anew === true ? [{ index, id, cause: 'anew' }] : [];
  });
  return changes.length === 0 ? [] : [{ kind: 'inputs', inputs: changes, created }];
}
