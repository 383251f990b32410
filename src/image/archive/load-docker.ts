import { digestParts, TsbuildError } from '../../core/index.ts';
import type { Digest } from '../../core/index.ts';
import {
  formatReference,
  maxConfigBytes,
  parseDockerArchiveManifest,
  parseImageConfig,
  parseReference,
} from '../../oci/index.ts';
import type { Descriptor, DockerArchiveImage } from '../../oci/index.ts';
import { mediaTypes } from '../../oci/types.ts';
import type { Store } from '../../store/types.ts';
import { assembleManifest } from '../assemble.ts';
import { invalid } from './members.ts';
import type { Members } from './members.ts';
import type { LayerVerifier } from './verify.ts';

/** One image of an archive, its blobs checked and in the store. */
export interface FoundImage {
  readonly id: Digest;
  readonly manifest: Descriptor;
  /** Full names. */
  readonly names: readonly string[];
  /** The index that came whole with all its images, of which this is one. */
  readonly index?: Descriptor | undefined;
  /** Its images. */
  readonly members?: readonly Pick<FoundImage, 'id' | 'manifest'>[] | undefined;
}

/**
 * The images of a docker archive (`docker save`, moby image/tarexport). It has no manifests that a registry would know:
 * they are made here, over the config's own bytes.
 */
export async function loadDockerImages(
  store: Store,
  members: Members,
  verifier: LayerVerifier,
): Promise<readonly FoundImage[]> {
  const found: FoundImage[] = [];
  for (const image of dockerImages(members)) {
    const stored = members.blob(image.Config);
    if (stored === undefined) throw invalid(`the config ${JSON.stringify(image.Config)} is missing`);
    checkConfigName(image.Config, stored.digest);
    const config = parseImageConfig(await store.blobs.read(stored.digest, maxConfigBytes));
    const diffIds = config.rootfs.diff_ids;
    if (diffIds.length !== image.Layers.length) {
      throw invalid(`an image has ${image.Layers.length} layers, its config ${diffIds.length}`);
    }
    const layers: Descriptor[] = [];
    for (const [index, diffId] of diffIds.entries()) {
      const name = image.Layers[index] ?? '';
      const layer = members.blob(name);
      if (layer === undefined) throw invalid(`the layer ${JSON.stringify(name)} is missing`);
      layers.push(await verifier.describe(layer, diffId));
    }
    const { rawManifest, descriptor } = assembleManifest({ mediaType: mediaTypes.config, ...stored }, layers);
    await store.blobs.put(rawManifest, { digest: descriptor.digest });
    found.push({ id: stored.digest, manifest: descriptor, names: repoTags(image) });
  }
  return found;
}

/** The images that manifest.json lists; none when there is no such member. */
export function dockerImages(members: Members): readonly DockerArchiveImage[] {
  const document = members.document('manifest.json');
  return document === undefined ? [] : parseDockerArchiveManifest(document);
}

/** Full names; images without one are saved as `<none>:<none>` by some engines. */
export function repoTags(image: DockerArchiveImage): readonly string[] {
  return image.RepoTags.filter((name) => !name.includes('<none>')).map(archiveName);
}

/** A name that an archive gives an image, in full. */
export function archiveName(name: string): string {
  const reference = parseReference(name);
  if (reference.digest !== undefined)
    throw invalid(`it names an image ${JSON.stringify(name)}, which has a digest`);
  return formatReference(reference);
}

/** The config's file is named by its digest, which is the image's id: another content under that name is another image. */
function checkConfigName(name: string, digest: Digest): void {
  const [, hex] = /(?:^|\/)(?:sha256[:-])?([0-9a-f]{64})(?:\.json)?$/.exec(name) ?? [];
  if (hex === undefined || hex === digestParts(digest).hex) return;
  throw new TsbuildError(
    'DIGEST_MISMATCH',
    `the config ${JSON.stringify(name)} of the archive has the digest ${digest}`,
  );
}
