import { canonicalJson, TsbuildError, type Digest, type Json } from '../../core/index.ts';
import { parseBoundedJson } from '../../oci/index.ts';
import type { KeptAttestation, Store } from '../../store/types.ts';
import { maxStatementBytes } from './statement.ts';
import type { Attestation } from './types.ts';

/**
 * Keeps what is said of an image of the store beside it, so that a push can send it, in the place of what an earlier build
 * said: who builds without attestations wants none.
 */
export async function keepAttestations(
  store: Store,
  id: Digest,
  attestations: readonly Attestation[],
): Promise<void> {
  const kept: KeptAttestation[] = [];
  for (const { predicateType, predicate, filename } of attestations) {
    const bytes = Buffer.from(canonicalJson(predicate));
    if (bytes.byteLength > maxStatementBytes) {
      throw new TsbuildError('ATTESTATION_FAILED', `the attestation ${predicateType} is too large`);
    }
    const { digest } = await store.blobs.put(bytes);
    kept.push({ predicateType, filename, predicate: digest });
  }
  await using _lock = await store.lock('images');
  const record = await store.images.get(id);
  if (record === undefined || (kept.length === 0 && record.attestations === undefined)) return;
  await store.images.put({ ...record, attestations: kept.length === 0 ? undefined : kept });
}

/** What is kept of an image; none for images without, or unknown ones. Throws BLOB_NOT_FOUND, DIGEST_MISMATCH. */
export async function keptAttestations(store: Store, id: Digest): Promise<readonly Attestation[]> {
  const kept = (await store.images.get(id))?.attestations ?? [];
  return Promise.all(
    kept.map(async ({ predicateType, filename, predicate }) => {
      const bytes = await store.blobs.read(predicate, maxStatementBytes);
      const limits = { what: `the attestation ${predicate}`, limit: maxStatementBytes };
      return { predicateType, filename, predicate: parseBoundedJson(bytes, limits) as Json };
    }),
  );
}
