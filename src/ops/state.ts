import { canonicalJson, digestOf, type Digest } from '../core/index.ts';
import { mediaTypes } from '../oci/types.ts';
import {
  packLayer,
  packSnapshot,
  type ActiveSnapshot,
  type CommittedSoon,
  type PackedLayer,
  type PackOptions,
} from '../snapshot/index.ts';
import type { BuildServices, SettledState, State } from './types.ts';

/** `FROM scratch`. */
export const emptyState: SettledState = {
  snapshot: undefined,
  layers: [],
  contentDigest: digestOf('tsbuild: the empty root file system'),
};

export function stateOf(settled: SettledState): State {
  return { snapshot: settled.snapshot, settled: Promise.resolve(settled) };
}

export interface CommitOptions extends Pick<PackOptions, 'known'> {
  /** The step's changes, where whoever made them has packed them already. */
  readonly layer?: PackedLayer | undefined;
  readonly meanwhile?: Promise<unknown> | undefined;
}

/** Makes the step's changes the next state; beside whatever runs next the layer is packed, and `meanwhile` ends. */
export async function commitState(
  services: Pick<BuildServices, 'store' | 'snapshotter' | 'interrupted'>,
  parent: State,
  active: ActiveSnapshot,
  { known, layer, meanwhile }: CommitOptions = {},
): Promise<State> {
  const { snapshot, done, unchanged } = active.commitSoon();
  const ended = { snapshot, unchanged, committed: Promise.all([done, meanwhile]) };
  const settled = settle(services, parent, ended, { known, layer });
  // The solver awaits it; an error that comes before it does is not unheard.
  settled.catch(() => undefined);
  return { snapshot, settled };
}

interface Ended extends Pick<CommittedSoon, 'snapshot' | 'unchanged'> {
  readonly committed: Promise<unknown>;
}

async function settle(
  services: Pick<BuildServices, 'store' | 'snapshotter' | 'interrupted'>,
  parent: State,
  { snapshot, unchanged, committed }: Ended,
  packing: Pick<CommitOptions, 'known' | 'layer'>,
): Promise<SettledState> {
  await committed;
  // A failure elsewhere does not stop it: what this step made is kept for the next build.
  const { snapshotter, store, interrupted } = services;
  const options = { signal: interrupted, known: packing.known };
  const layer =
    packing.layer ??
    (unchanged
      ? await packLayer([], noContent, store.blobs)
      : await packSnapshot(snapshotter, snapshot, store.blobs, options));
  const below = await parent.settled;
  return {
    snapshot,
    layers: [
      ...below.layers,
      {
        diffId: layer.diffId,
        descriptor: { mediaType: mediaTypes.layer, digest: layer.diffId, size: layer.size },
        created: new Date().toISOString(),
      },
    ],
    contentDigest: stackDigest(below.contentDigest, layer.changesDigest),
  };
}

function noContent(): never {
  throw new Error('a layer of nothing has no content');
}

function stackDigest(parent: Digest, changes: Digest): Digest {
  return digestOf(canonicalJson({ parent, changes }));
}
