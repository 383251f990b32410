import type { Store } from '../../store/index.ts';
import { diskSpace } from '../../sys/index.ts';
import { prune, type PrunedEntry, type PruneOptions, type PruneResult } from './prune.ts';
import type { SpaceLimits } from './space.ts';

const hour = 3_600_000;

/**
 * What BuildKit's garbage collection does when nobody says otherwise, rule by rule: contexts, checkouts and cache mounts of
 * which nobody had need for two days, where the cache has more than 512 MB; what was not used for 60 days; what no image
 * stands on; all. The last three only where the cache is larger than its limits.
 */
export function defaultRules(
  { total }: { readonly total: number },
  limits: SpaceLimits,
  now: number,
): readonly PruneOptions[] {
  const caps = {
    reservedSpace: limits.reservedSpace ?? Math.min(10e9, Math.floor(total * 0.1)),
    maxUsedSpace: limits.maxUsedSpace ?? Math.min(100e9, Math.floor(total * 0.6)),
    minFreeSpace: limits.minFreeSpace ?? Math.floor(total * 0.2),
  };
  const cheap = new Set(['source.local', 'exec.cachemount', 'source.git.checkout'] as const);
  return [
    { filter: { types: cheap, until: now - 48 * hour }, maxUsedSpace: 512e6 },
    { filter: { until: now - 60 * 24 * hour }, ...caps },
    caps,
    { all: true, ...caps },
  ];
}

/** Prunes by rules, one after the other. */
export async function pruneByRules(store: Store, rules: readonly PruneOptions[]): Promise<PruneResult> {
  const removed: PrunedEntry[] = [];
  let bytes = 0;
  for (const rule of rules) {
    const result = await prune(store, rule);
    removed.push(...result.removed);
    bytes += result.bytes;
  }
  return { removed, bytes };
}

export async function pruneByDefault(store: Store, limits: SpaceLimits): Promise<PruneResult> {
  return pruneByRules(store, defaultRules(diskSpace(store.root), limits, Date.now()));
}
