import type { Digest } from '../core/index.ts';
import type { Step } from '../graph/index.ts';
import type { Descriptor } from '../oci/types.ts';

/** How the store has the layers of the base images that these steps stand on, by diff id. */
export function baseLayers(targets: readonly Step[]): ReadonlyMap<Digest, Descriptor> {
  const layers = new Map<Digest, Descriptor>();
  const seen = new Set(targets);
  for (const { op, inputs } of seen) {
    for (const input of inputs) seen.add(input);
    if (op.kind !== 'image') continue;
    for (const [index, diffId] of op.base.config.rootfs.diff_ids.entries()) {
      const descriptor = op.base.layers[index];
      if (descriptor !== undefined) layers.set(diffId, descriptor);
    }
  }
  return layers;
}
