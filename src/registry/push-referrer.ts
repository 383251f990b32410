import { canonicalJson, digestOf, TsbuildError, type Digest, type Json } from '../core/index.ts';
import { mediaTypes, type Descriptor, type Reference } from '../oci/index.ts';
import { putManifest, type OutgoingManifest } from './put-manifest.ts';
import { fallbackTag, readFallback } from './referrers.ts';
import { withRepository, type OpenRepository, type RegistryOptions } from './repository.ts';
import { once } from './token.ts';
import { pushBlob, type BlobSource } from './upload.ts';

/** Something said about an image, kept beside it: an attestation, a signature, a list of what is in it. */
export interface ReferrerArtifact {
  /** `application/vnd.in-toto+json` and the like. */
  readonly artifactType: string;
  readonly layers: readonly ArtifactLayer[];
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export interface ArtifactLayer {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** What an artifact is stored as, in a registry or in a layout. */
export interface PackedReferrer extends OutgoingManifest {
  readonly descriptor: Descriptor;
  /** All that the manifest names. */
  readonly blobs: readonly { readonly descriptor: Descriptor; readonly bytes: Uint8Array }[];
}

export interface PushedReferrer {
  readonly descriptor: Descriptor;
  /** Whether the registry lists it by itself, or the fallback tag does. */
  readonly listedBy: 'registry' | 'tag';
}

const emptyType = 'application/vnd.oci.empty.v1+json';
const emptyConfig = Buffer.from('{}');

/**
 * The manifest of an artifact that refers to `subject` (image-spec manifest.md, "Guidelines for Artifact Usage"), with an
 * empty config. The subject is only named: its digest stays. The same artifact gives the same bytes.
 */
export function packReferrer(subject: Descriptor, artifact: ReferrerArtifact): PackedReferrer {
  const config = { descriptor: describe(emptyConfig, emptyType), bytes: emptyConfig };
  const content = artifact.layers.map(({ mediaType, bytes, annotations }) => ({
    descriptor: { ...describe(bytes, mediaType), ...(annotations === undefined ? {} : { annotations }) },
    bytes,
  }));
  // An artifact must have a layer; without content it is the empty one.
  const layers = content.length === 0 ? [config] : content;
  const { mediaType, digest, size } = subject;
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType: artifact.artifactType,
    config: config.descriptor,
    layers: layers.map(({ descriptor }) => descriptor),
    subject: { mediaType, digest, size },
    ...(artifact.annotations === undefined ? {} : { annotations: artifact.annotations }),
  };
  const bytes = Buffer.from(canonicalJson(manifest as unknown as Json));
  const { artifactType, annotations } = artifact;
  return {
    bytes,
    mediaType: mediaTypes.manifest,
    descriptor: {
      ...describe(bytes, mediaTypes.manifest),
      artifactType,
      ...(annotations === undefined ? {} : { annotations }),
    },
    blobs: [config, ...content],
  };
}

/**
 * Stores an artifact in the repository of its subject, which must be there already and is not changed. Where the registry
 * keeps no list of referrers, the fallback tag `sha256-…` is (G-42). Throws as a push does.
 */
export async function pushReferrer(
  subject: { readonly repository: Reference; readonly descriptor: Descriptor },
  artifact: ReferrerArtifact,
  options: RegistryOptions = {},
): Promise<PushedReferrer> {
  const packed = packReferrer(subject.descriptor, artifact);
  return withRepository(subject.repository, { ...options, access: 'push' }, async (open) => {
    const blobs = new Map(packed.blobs.map((blob) => [blob.descriptor.digest, blob.bytes]));
    for (const [digest, bytes] of blobs) {
      await pushBlob(bytesBlob(digest, bytes), {
        ...open,
        chunk: Infinity,
        mounts: [],
        onBytes: () => undefined,
      });
    }
    const { descriptor } = packed;
    const { listed } = await putManifest(open, descriptor.digest, packed);
    if (!listed) await addToFallback(open, subject.descriptor.digest, descriptor);
    return { descriptor, listedBy: listed ? 'registry' : 'tag' };
  });
}

const triesToAdd = 5;

/** Registries have no way to change a tag only if nobody else did: what was written is read again. */
async function addToFallback(open: OpenRepository, subject: Digest, added: Descriptor): Promise<void> {
  for (let tries = 0; tries < triesToAdd; tries += 1) {
    const listed = await readFallback(open, subject);
    if (listed.some(({ digest }) => digest === added.digest)) return;
    const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [...listed, added] };
    const bytes = Buffer.from(canonicalJson(index as unknown as Json));
    await putManifest(open, fallbackTag(subject), { bytes, mediaType: mediaTypes.index });
  }
  if ((await readFallback(open, subject)).some(({ digest }) => digest === added.digest)) return;
  throw new TsbuildError('REGISTRY_ERROR', `others change the tag ${fallbackTag(subject)} at the same time`, {
    hint: 'try again',
  });
}

function describe(bytes: Uint8Array, mediaType: string): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
}

function bytesBlob(digest: Digest, bytes: Uint8Array): BlobSource {
  return { digest, size: bytes.byteLength, read: (start, end) => once(bytes.subarray(start, end)) };
}
