import { isDigest, TsbuildError, type Json } from '../core/index.ts';
import type { ResolvedImage } from '../image/index.ts';
import type { Store } from '../store/index.ts';

/**
 * The in-toto statements about an image: those that the store keeps, else those of its registry. Of an image that was
 * never there, nobody is asked.
 */
export async function attestationsOf(
  store: Store,
  name: string,
  signal: AbortSignal,
): Promise<readonly Json[]> {
  const { findImage, imagesOf, remoteStatements } = await import('../image/index.ts');
  const { parseReference, repositoryName } = await import('../oci/index.ts');
  const image = await findImage(store, name);
  if (image !== undefined) {
    const images = image.index === undefined ? [image] : await imagesOf(store, image.index);
    const kept: Json[] = [];
    for (const each of images) kept.push(...(await keptStatements(store, { ...each, name: image.name })));
    if (kept.length > 0) return kept;
  }
  if (isDigest(name) || /^[0-9a-f]{12,64}$/.test(name)) {
    if (image !== undefined) return [];
    throw new TsbuildError('IMAGE_NOT_FOUND', `no such image: ${name}`);
  }
  const reference = parseReference(name);
  const known = image === undefined ? undefined : (await store.images.get(image.id))?.repoDigests;
  const isElsewhere = known?.some((one) => one.startsWith(`${repositoryName(reference)}@`)) ?? true;
  return isElsewhere ? remoteStatements(reference, { signal }) : [];
}

async function keptStatements(store: Store, { id, manifest, name }: ResolvedImage): Promise<readonly Json[]> {
  const { keptAttestations, openImage, statementOf, subjectsOf } = await import('../image/index.ts');
  const attestations = await keptAttestations(store, id);
  if (attestations.length === 0) return [];
  const { config } = await openImage(store, manifest);
  const names = name === undefined ? [] : [name];
  const subjects = subjectsOf(manifest, { attestations, names, platform: config });
  return attestations.map((one) => {
    const bytes = Buffer.from(statementOf(one, subjects));
    return JSON.parse(bytes.toString('utf8')) as Json;
  });
}
