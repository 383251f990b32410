import { sum } from './disk.ts';
import type { KeptFolder } from './kept-folders.ts';
import type { DuEntry } from './report.ts';
import type { CachedStep } from './steps.ts';

/** A line for each thing that `prune` may remove, most recently used first. */
export function entriesOf(
  steps: readonly CachedStep[],
  folders: readonly KeptFolder[],
  about: {
    readonly sizeOf: (item: string) => number;
    readonly isShared: (item: string) => boolean;
    readonly inUse: (step: CachedStep) => boolean;
  },
): readonly DuEntry[] {
  const taken = new Set<string>();
  const sizes = new Map<string, number>();
  // From the shortest chain on: each adds what those below it have not.
  for (const step of steps.toSorted((one, other) => one.snapshots.length - other.snapshots.length)) {
    const own = itemsOf(step).filter((item) => !taken.has(item));
    for (const item of own) taken.add(item);
    sizes.set(step.id, sum(own.map(about.sizeOf)));
  }
  const ofSteps = steps.map((step): DuEntry => {
    const { id, type, text, created, used } = step;
    const items = itemsOf(step);
    const shared = items.length > 0 && items.every(about.isShared);
    return { id, type, text, created, used, size: sizes.get(id) ?? 0, shared, inUse: about.inUse(step) };
  });
  const ofFolders = folders.map(({ id, type, text, used, path, inUse }): DuEntry => {
    return { id, type, text, created: '', used, size: about.sizeOf(path), shared: false, inUse };
  });
  return [...ofSteps, ...ofFolders].toSorted((one, other) => other.used - one.used);
}

/** Blobs and snapshots of a step. */
export function itemsOf({ snapshots, blobs }: CachedStep): readonly string[] {
  return [...new Set<string>([...snapshots, ...blobs])];
}
