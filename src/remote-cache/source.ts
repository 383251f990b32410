import type { Descriptor, Manifest, ManifestOrIndex, Platform, Reference } from '../oci/index.ts';
import {
  familiarName,
  maxConfigBytes,
  mediaTypes,
  parseImageConfig,
  parseManifestOrIndex,
  parseReference,
  selectPlatform,
} from '../oci/index.ts';
import { TsbuildError, type Digest } from '../core/index.ts';
import { Layout } from '../image/index.ts';
import { readRepository, type RegistryOptions } from '../registry/index.ts';
import { cacheConfigType, decodeCache, maxCacheBytes } from './format.ts';
import { inlineParts } from './inline.ts';
import { placeSource } from './place-source.ts';
import { stepsSource } from './steps.ts';
import type { CacheImport, CachePart } from './types.ts';

/** A place with cached results. */
export interface CacheSource {
  /** As the user knows it. */
  readonly name: string;
  /** Of one in a registry: blobs of it may be lent to other repositories there. */
  readonly reference: Reference | undefined;
  /** What it has for these platforms. Throws IMAGE_NOT_FOUND where nothing is, IMAGE_INVALID, the REGISTRY_ codes. */
  read(platforms: readonly Platform[]): Promise<readonly CachePart[]>;
  /** Of one that is asked step by step and has nothing to `read`: what it has under a definition key. Throws the same. */
  readonly step?: ((key: Digest) => Promise<readonly CachePart[]>) | undefined;
  /** Carries out a task that reads blobs, in one conversation with one token. */
  blobs<T>(task: (read: BlobReader) => Promise<T>): Promise<T>;
}

/** The bytes of a blob as they come, unverified. */
export type BlobReader = (descriptor: Descriptor) => AsyncIterable<Uint8Array>;

export function openSource(spec: CacheImport, options: RegistryOptions): CacheSource {
  switch (spec.kind) {
    case 'registry':
      return registrySource(parseReference(spec.ref), options);
    case 'steps':
      return stepsSource(spec, options);
    case 'local':
      return folderSource(spec);
    case 'service':
      return placeSource(spec.service, options);
  }
}

function registrySource(reference: Reference, options: RegistryOptions): CacheSource {
  const name = familiarName(reference);
  return {
    name,
    reference,
    read: async (platforms) =>
      readRepository(reference, options, async (repository) => {
        const { parsed } = await repository.manifest();
        const documents: Documents = {
          bytes: (descriptor, limit) => repository.bytes(descriptor, limit),
          manifest: async ({ digest }) => (await repository.manifest(digest)).parsed,
        };
        return partsOf(parsed, { documents, name, platforms });
      }),
    blobs: async (task) =>
      readRepository(reference, options, (repository) => task((descriptor) => repository.blob(descriptor))),
  };
}

function folderSource({ src, tag }: Extract<CacheImport, { kind: 'local' }>): CacheSource {
  const layout = new Layout(src);
  const documents: Documents = {
    bytes: (descriptor, limit) => layout.read(descriptor, limit),
    manifest: async (descriptor) =>
      parseManifestOrIndex(await layout.read(descriptor, maxConfigBytes), descriptor.mediaType),
  };
  return {
    name: src,
    reference: undefined,
    async read(platforms) {
      const parts: CachePart[] = [];
      const seen = new Set<string>();
      const lacking: TsbuildError[] = [];
      for (const platform of platforms) {
        const found = await unlessLacking(() => layout.find(tag, platform), lacking);
        if (found === undefined || seen.has(found.digest)) continue;
        seen.add(found.digest);
        const parsed = await documents.manifest(found);
        parts.push(...(await partsOf(parsed, { documents, name: src, platforms: [platform] })));
      }
      // One that has some of the platforms serves those.
      if (seen.size === 0 && lacking[0] !== undefined) throw lacking[0];
      return parts;
    },
    blobs: async (task) => task((descriptor) => layout.stream(descriptor)),
  };
}

async function unlessLacking<T>(find: () => Promise<T>, lacking: TsbuildError[]): Promise<T | undefined> {
  try {
    return await find();
  } catch (error) {
    if (!(error instanceof TsbuildError) || error.code !== 'PLATFORM_MISMATCH') throw error;
    lacking.push(error);
    return undefined;
  }
}

/** How manifests and configs are had; both verified and bounded. */
interface Documents {
  bytes(descriptor: Descriptor, limit: number): Promise<Uint8Array>;
  manifest(descriptor: Descriptor): Promise<ManifestOrIndex>;
}

interface Reading {
  readonly documents: Documents;
  readonly name: string;
  readonly platforms: readonly Platform[];
}

/** A cache, or an image with one in its config, or an index of such images. */
async function partsOf(parsed: ManifestOrIndex, reading: Reading): Promise<readonly CachePart[]> {
  if (parsed.kind === 'manifest') return partsOfManifest(parsed.manifest, reading);
  const entries = reading.platforms.flatMap((platform) => {
    const entry = selectPlatform(platform, parsed.index.manifests);
    return entry === undefined ? [] : [entry];
  });
  const parts: CachePart[] = [];
  for (const entry of new Set(entries)) {
    const inner = await reading.documents.manifest(entry);
    if (inner.kind === 'manifest') parts.push(...(await partsOfManifest(inner.manifest, reading)));
  }
  return parts;
}

async function partsOfManifest(
  manifest: Manifest,
  { documents, name }: Reading,
): Promise<readonly CachePart[]> {
  const { config } = manifest;
  switch (config.mediaType) {
    case cacheConfigType:
      return decodeCache(manifest, await documents.bytes(config, maxCacheBytes));
    case mediaTypes.config:
    case mediaTypes.dockerConfig:
      return inlineParts(manifest, parseImageConfig(await documents.bytes(config, maxConfigBytes)));
    default:
      throw new TsbuildError(
        'IMAGE_INVALID',
        `${name} is not a cache but ${config.mediaType.slice(0, 200)}`,
        {
          hint: 'a cache is what --cache-to made, or an image that was built with --cache-to type=inline',
        },
      );
  }
}
