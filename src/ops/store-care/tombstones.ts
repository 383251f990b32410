import { digestParts, isJsonObject, type Digest, type Json } from '../../core/index.ts';
import type { Store } from '../../store/index.ts';

/** A step that nobody missed in this time will not be asked about. */
const keptFor = 30 * 24 * 3_600_000;
/** In each of the sixteen records: a megabyte in all. */
const mostKept = 1250;

/** When results of steps with these parts were last pruned (ISO 8601), as far as that is remembered. */
export async function prunedAt(store: Store, parts: Digest): Promise<string | undefined> {
  const { shard, name } = placeOf(parts);
  const seconds = timesIn(await store.records.get('pruned', shard))[name];
  return seconds === undefined ? undefined : new Date(seconds * 1000).toISOString();
}

/** One prune at a time may do this. Few files for many steps: each file takes a block of the disk that is to come free. */
export async function rememberPruned(store: Store, parts: Iterable<Digest>, now: number): Promise<void> {
  const shards = new Map<string, Set<string>>();
  for (const { shard, name } of [...parts].map(placeOf)) {
    const names = shards.get(shard) ?? new Set();
    shards.set(shard, names.add(name));
  }
  for (const [shard, names] of shards) {
    const times = { ...timesIn(await store.records.get('pruned', shard)) };
    for (const name of names) times[name] = Math.floor(now / 1000);
    const kept = Object.entries(times)
      .filter(([, seconds]) => now - seconds * 1000 < keptFor)
      .sort(([, one], [, other]) => other - one)
      .slice(0, mostKept);
    await store.records.put('pruned', shard, Object.fromEntries(kept));
  }
}

function placeOf(parts: Digest): { readonly shard: string; readonly name: string } {
  const { hex } = digestParts(parts);
  return { shard: hex.slice(0, 1), name: hex.slice(0, 20) };
}

function timesIn(record: Json | undefined): Record<string, number> {
  if (!isJsonObject(record)) return {};
  return Object.fromEntries(
    Object.entries(record).flatMap(([name, seconds]) =>
      typeof seconds === 'number' ? [[name, seconds]] : [],
    ),
  );
}
