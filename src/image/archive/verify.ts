import { TsbuildError } from '../../core/index.ts';
import type { Digest } from '../../core/index.ts';
import type { Descriptor } from '../../oci/index.ts';
import type { Store } from '../../store/types.ts';
import { decompress } from '../../tar/index.ts';
import type { ForeignDecompressor } from '../../tar/index.ts';
import { expectDiffId } from '../layer.ts';
import { layerMediaType } from '../media.ts';
import type { StoredMember } from './members.ts';

/** Unpacks layers to see that they are what their image promises (S-58), each only once a load. */
export interface LayerVerifier {
  /** The stored layer under the media type that its bytes have. Throws DIGEST_MISMATCH. */
  describe(stored: StoredMember, diffId: Digest): Promise<Descriptor>;
}

export function createLayerVerifier(store: Store, foreign: ForeignDecompressor | undefined): LayerVerifier {
  const known = new Map<string, Descriptor>();

  async function look({ digest, size }: StoredMember, diffId: Digest): Promise<Descriptor> {
    if (digest === diffId) return { mediaType: layerMediaType('none'), digest, size };
    const { compression, bytes } = await decompress(await store.blobs.open(digest), foreign);
    const plain = expectDiffId(bytes, diffId);
    switch (compression) {
      case 'none':
      case 'gzip':
      case 'zstd':
        await readToEnd(plain);
        return { mediaType: layerMediaType(compression), digest, size };
      case 'bzip2':
      case 'xz': {
        // No media type says so: only the plain form can stand in a manifest.
        const stored = await store.blobs.put(plain, { digest: diffId });
        return { mediaType: layerMediaType('none'), ...stored };
      }
    }
  }

  return {
    async describe(stored, diffId) {
      const key = `${stored.digest} ${diffId}`;
      const descriptor = known.get(key) ?? (await look(stored, diffId));
      known.set(key, descriptor);
      return descriptor;
    },
  };
}

async function readToEnd(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const iterator = bytes[Symbol.asyncIterator]();
  while ((await iterator.next()).done !== true);
}

/** The size that a manifest says must be the size that was stored. */
export function checkSize(descriptor: Descriptor, stored: StoredMember): void {
  if (descriptor.size === stored.size) return;
  throw new TsbuildError(
    'DIGEST_MISMATCH',
    `the blob ${descriptor.digest} has ${stored.size} bytes, its image promises ${descriptor.size}`,
  );
}
