import { mediaTypes, type Descriptor } from '../../src/oci/index.ts';
import type { Store } from '../../src/store/index.ts';

/** A manifest as `docker buildx` puts one beside each image of an index, and its entry there. */
export async function makeAttestation(store: Store, about: Descriptor): Promise<Descriptor> {
  const put = async (text: string, mediaType: string): Promise<Descriptor> => ({
    mediaType,
    ...(await store.blobs.put(Buffer.from(text))),
  });
  const config = await put('{"os":"unknown","architecture":"unknown","rootfs":{}}', mediaTypes.config);
  const layers = [await put('{"predicate":{}}', 'application/vnd.in-toto+json')];
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers };
  return {
    ...(await put(JSON.stringify(manifest), mediaTypes.manifest)),
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: {
      'vnd.docker.reference.digest': about.digest,
      'vnd.docker.reference.type': 'attestation-manifest',
    },
  };
}
