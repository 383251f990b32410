import { canonicalJson, digestOf, type Digest } from '../core/index.ts';
import { chainId, hostPlatform } from '../oci/index.ts';
import { ImageOp, type ImageServices } from './image.ts';
import { emptyState } from './state.ts';
import type { LayerState, SettledState } from './types.ts';

/**
 * The state of layers that came from elsewhere and are in the store: unpacked as a base image's are, each checked against
 * its diff id and found again by its chain id. Its content digest stands on the diff ids, which were checked, never on what
 * others say of it. Throws DIGEST_MISMATCH, ARCHIVE_INVALID and ARCHIVE_LIMIT for what a layer should not be.
 */
export async function stateOfLayers(
  layers: readonly LayerState[],
  services: ImageServices,
  { name, signal }: { readonly name: string; readonly signal: AbortSignal },
): Promise<SettledState> {
  if (layers.length === 0) return emptyState;
  const platform = hostPlatform();
  const base = {
    name,
    digest: digestOf(name),
    id: digestOf(name),
    config: {
      ...platform,
      rootfs: { type: 'layers' as const, diff_ids: layers.map(({ diffId }) => diffId) },
    },
    layers: layers.map(({ descriptor }) => descriptor),
  };
  const unpacked = await new ImageOp(base, platform, services).unpack({
    signal,
    status: () => undefined,
    warn: () => undefined,
    withoutSlot: (wait) => wait(),
  });
  return { ...(await unpacked.settled), layers, contentDigest: chainContent(layers) };
}

/** The content digest of layers that came from elsewhere, base images among them. */
export function chainContent(layers: readonly Pick<LayerState, 'diffId'>[]): Digest {
  if (layers.length === 0) return emptyState.contentDigest;
  return digestOf(canonicalJson({ chain: chainId(layers.map(({ diffId }) => diffId)) ?? null }));
}
