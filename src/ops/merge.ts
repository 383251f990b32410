import { canonicalJson, digestOf, type ByteString } from '../core/index.ts';
import { openLayer } from '../image/index.ts';
import { applyLayer, keptXattrs, layerDevices, type Snapshot, type Snapshotter } from '../snapshot/index.ts';
import type { CacheMap, Op, RunContext } from '../solver/index.ts';
import { overlayXattrPrefix, type RootDir } from '../sys/index.ts';
import type { BuildServices, SettledState, State } from './types.ts';

/**
 * COPY --link: the layers of one state on top of another's, the very same blobs, so that a changed base re-uses them
 * (L-153). Of a folder in both the upper one's attributes show.
 */
export class MergeOp implements Op<State> {
  readonly #services: Pick<BuildServices, 'store' | 'snapshotter'>;

  constructor(services: Pick<BuildServices, 'store' | 'snapshotter'>) {
    this.#services = services;
  }

  async cacheMap(): Promise<CacheMap<State>> {
    const whole = { contentDigest: async (state: State) => (await state.settled).contentDigest };
    return { parts: { op: 'merge' }, inputs: [whole, whole] };
  }

  async exec([base, linked]: readonly State[], context: RunContext): Promise<State> {
    if (base === undefined || linked === undefined) throw new Error('a merge takes two states');
    const snapshot = await this.#merged(base, linked, context);
    const settled = settle(base, linked, snapshot);
    // The solver awaits it; an error that comes before it does is not unheard.
    settled.catch(() => undefined);
    return { snapshot, settled };
  }

  async #merged(base: State, linked: State, context: RunContext): Promise<Snapshot | undefined> {
    const { snapshotter } = this.#services;
    if (base.snapshot === undefined) return linked.snapshot;
    if (linked.snapshot === undefined) return base.snapshot;
    if (await canStack(snapshotter, base.snapshot, linked.snapshot)) {
      const chain = [...base.snapshot.chain, ...linked.snapshot.chain];
      return { id: linked.snapshot.id, chain };
    }
    return this.#unpacked(base.snapshot, await linked.settled, context);
  }

  async #unpacked(base: Snapshot, { layers }: SettledState, context: RunContext): Promise<Snapshot> {
    const { store, snapshotter } = this.#services;
    let snapshot = base;
    for (const { descriptor, diffId } of layers) {
      await using active = await snapshotter.prepare(snapshot);
      {
        await using mounted = await active.mount();
        await applyLayer(await openLayer(store, { descriptor, diffId }), mounted.root, {
          diffId,
          devices: layerDevices(),
          signal: context.signal,
        });
      }
      snapshot = await active.commit();
    }
    return snapshot;
  }
}

async function settle(base: State, linked: State, snapshot: Snapshot | undefined): Promise<SettledState> {
  const [lower, upper] = await Promise.all([base.settled, linked.settled]);
  return {
    snapshot,
    layers: [...lower.layers, ...upper.layers],
    contentDigest: digestOf(canonicalJson({ base: lower.contentDigest, linked: upper.contentDigest })),
  };
}

const here = '.' as ByteString;

/**
 * Whether overlay, given the linked snapshots as more lowers, shows what unpacking their layers would leave, at no cost.
 * It does as the layers say, with three exceptions. The merged root's attributes are the topmost lower's, while a layer
 * says nothing of a root that nobody changed. Older kernels mark what is made below the root of a first layer as opaque.
 * And no folder may be in one overlay twice (ELOOP).
 */
async function canStack(snapshotter: Snapshotter, base: Snapshot, linked: Snapshot): Promise<boolean> {
  const below = new Set(base.chain);
  if (linked.chain.length !== 1 || below.has(linked.id)) return false;
  await using lower = await snapshotter.contents(base);
  await using upper = await snapshotter.contents(linked);
  return sameRoot(lower.root, upper.root) && !hidesBelow(upper.root);
}

function sameRoot(a: RootDir, b: RootDir): boolean {
  const [first, second] = [a, b].map((root) => {
    const { mode, uid, gid } = root.lstat(here);
    return canonicalJson([mode, uid, gid, keptXattrs(root, here).map((pair) => [...pair])]);
  });
  return first === second;
}

/** Deeper folders are pure upper ones: no kernel marks them. */
function hidesBelow(root: RootDir): boolean {
  const opaque = `${overlayXattrPrefix()}opaque` as ByteString;
  return root
    .list(here)
    .some((name) => root.lstat(name).type === 'directory' && root.getXattr(name, opaque) !== undefined);
}
