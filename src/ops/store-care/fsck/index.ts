import {
  collectGarbage,
  liveLeases,
  removeLocksOfTheDead,
  storePaths,
  type Store,
} from '../../../store/index.ts';
import { openSnapshotter } from '../../../snapshot/index.ts';
import { clearAfterDeaths } from '../../after-deaths.ts';
import { rootsOf } from '../../live.ts';
import { forgetWhatIsGone } from '../companions.ts';
import { listImageNeeds } from '../images.ts';
import { listCachedSteps } from '../steps.ts';
import { checkBlobs } from './blobs.ts';
import { checkImages } from './images.ts';
import { checkCacheRecords } from './records.ts';
import { checkSnapshots } from './snapshots.ts';
import { checkTemporary } from './temporary.ts';
import type { Examined, Finding } from './types.ts';

export type { Finding } from './types.ts';

export interface FsckResult {
  /** In the order in which they were found. */
  readonly findings: readonly (Finding & { readonly repaired: boolean })[];
}

/**
 * Examines all of a store. Builds and containers may go on meanwhile. Repairing removes what cannot be trusted: it is a
 * miss afterwards, or an image to be pulled again, never an error.
 */
export async function fsck(
  store: Store,
  options: { readonly repair?: boolean | undefined } = {},
): Promise<FsckResult> {
  const findings = await examine(store);
  if (options.repair !== true)
    return { findings: findings.map((finding) => ({ ...finding, repaired: false })) };
  const done: (Finding & { readonly repaired: boolean })[] = [];
  for (const finding of findings) {
    await finding.repair?.();
    done.push({ ...finding, repaired: finding.repair !== undefined });
  }
  if (findings.length > 0) {
    await collectGarbage(store, { liveItems: rootsOf(store) });
    await forgetWhatIsGone(store, { gone: [], left: await listCachedSteps(store), began: Date.now() });
    await store.refs.reindex();
    removeLocksOfTheDead(store);
    await clearAfterDeaths({ store, snapshotter: openSnapshotter(store.snapshots) });
  }
  return { findings: done };
}

async function examine(store: Store): Promise<readonly Finding[]> {
  // A collector that runs meanwhile would make things vanish under the eyes.
  await using _lock = await store.lock('collect');
  const paths = storePaths(store.root);
  const temporary = checkTemporary(paths);
  const leases = liveLeases(store);
  const needs = await listImageNeeds(store);
  const { findings: blobs, damaged } = await checkBlobs({ store, paths }, needs);
  const examined: Examined = { store, paths, leases, damaged };
  const needed = new Set<string>([
    ...leases.snapshots,
    ...leases.blobs,
    ...needs.flatMap((image): readonly string[] => image.blobs),
  ]);
  for await (const item of rootsOf(store)()) needed.add('blob' in item ? item.blob : item.snapshot);
  return [
    ...blobs,
    ...(await checkImages(examined)),
    ...(await checkCacheRecords(examined)),
    ...checkSnapshots(examined, needed),
    ...temporary,
  ];
}
