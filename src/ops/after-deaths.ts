import { discardCgroupsOf } from '../runtime/index.ts';
import type { LocalSnapshotter } from '../snapshot/index.ts';
import type { Lease, Store } from '../store/index.ts';
import { randomHex } from '../sys/index.ts';

/** The id of a RUN step's container, and with it of its cgroup, says whose it is. */
export function stepContainerId(lease: Pick<Lease, 'id'>): string {
  return `${prefixOf(lease.id)}${randomHex(3)}`;
}

/**
 * Removes what processes left that were killed while they had a lease: snapshots that were never completed, and cgroups
 * that no launcher had been told of yet. `cgroupParent`: where they are looked for besides where all are.
 */
export async function clearAfterDeaths(
  services: { readonly store: Store; readonly snapshotter: Pick<LocalSnapshotter, 'sweep'> },
  cgroupParent?: string,
): Promise<void> {
  const { store, snapshotter } = services;
  await store.afterDeaths(async (leases) => {
    await snapshotter.sweep();
    const prefixes = leases.map(prefixOf);
    discardCgroupsOf((id) => prefixes.some((prefix) => id.startsWith(prefix)), cgroupParent);
  });
}

function prefixOf(lease: string): string {
  return `build-${lease}-`;
}
