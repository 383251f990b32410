import type { Digest, InputChange, MissReason, PartChange } from '../core/index.ts';
import { differences } from './differences.ts';
import type { Keyed } from './keyring.ts';
import type { Op, RecordFacts, ResultCache, Vertex } from './types.ts';

/** What explaining needs of the cache. */
export type RecordReader<R> = Pick<ResultCache<R>, 'nearest' | 'latest' | 'knows' | 'pruned' | 'expired'>;

export interface Missed<R> {
  readonly vertex: Vertex<R>;
  readonly keyed: Keyed<R>;
  /** Those of the vertex's inputs, in order. */
  readonly inputs: readonly Keyed<R>[];
  /** Whether the cache has answered the vertex of that id. */
  readonly isCached: (id: Digest) => boolean;
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
    if (inputs.length > 0) return inputs;
    const isExpired = await records.expired?.(same);
    return [isExpired === true ? { kind: 'expired', created: same.created } : { kind: 'lost' }];
  }
  const pruned = await records.pruned?.(keyed.parts);
  if (pruned !== undefined) return [{ kind: 'lost', pruned }];
  if (await records.knows(keyed.parts)) return [{ kind: 'lost' }];
  if (nearest === undefined || taken.has(nearest.partsDigest)) return [{ kind: 'first-time' }];
  const { created } = nearest;
  const changes = await Promise.all(
    differences(nearest.parts, keyed.cacheMap.parts).map((change) => unfolded(vertex.op, change)),
  );
  return [{ kind: 'definition', changes, created }, ...inputReasons(missed, nearest)];
}

async function unfolded<R>(op: Op<R>, change: PartChange): Promise<PartChange> {
  if (change.kind !== 'changed') return change;
  const inside = await op.unfold?.(change);
  return inside === undefined ? change : { ...change, inside };
}

function inputReasons<R>(
  { vertex, keyed, inputs, isCached }: Missed<R>,
  { inputKeys, created }: RecordFacts,
): readonly MissReason[] {
  const changes = vertex.inputs.flatMap(({ id }, index): readonly InputChange[] => {
    const [before, after] = [inputKeys[index], keyed.inputs[index]];
    if (before?.digest !== after?.digest)
      return [{ index, id, cause: isCached(id) ? 'another' : 'definition' }];
    if (before?.selector !== after?.selector)
      return [{ index, id, cause: 'selector', before: before?.selector, after: after?.selector }];
    return inputs[index]?.anew === true ? [{ index, id, cause: 'anew' }] : [];
  });
  return changes.length === 0 ? [] : [{ kind: 'inputs', inputs: changes, created }];
}
