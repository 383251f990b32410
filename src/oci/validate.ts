import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';

import { createDigester, digestParts, type Digest } from '../core/index.ts';
import { maxConfigBytes, maxManifestBytes } from './bounded-json.ts';
import { parseImageConfig, parseManifestOrIndex } from './parse.ts';
import { platformFits } from './platform.ts';
import { mediaTypes, type Descriptor, type ImageConfig, type Manifest } from './types.ts';

/** What the oracle reads from; a blob store is one. */
export interface BlobSource {
  /** Throws when there is no such blob. */
  open(digest: Digest): Promise<AsyncIterable<Uint8Array>>;
}

/**
 * Recomputes everything an image claims about itself from its bytes: digests, sizes, diff ids, the number of layers and
 * history entries, media types, platforms; for an index, of all its images. Returns every mismatch as an equation,
 * nothing when the image is sound. Never throws for what is wrong with the image.
 */
export async function validateImage(source: BlobSource, descriptor: Descriptor): Promise<readonly string[]> {
  const faults: string[] = [];
  await validateDocument(descriptor, { source, faults, depth: 0 });
  return faults;
}

interface Context {
  readonly source: BlobSource;
  readonly faults: string[];
  readonly depth: number;
}

interface Measured {
  readonly digest: Digest;
  readonly size: number;
  /** Undefined where the blob has more bytes than were asked for. */
  readonly bytes: Buffer | undefined;
}

async function validateDocument(descriptor: Descriptor, context: Context): Promise<void> {
  const what = `manifest ${short(descriptor.digest)}`;
  const bytes = await validateBlob(descriptor, { what, limit: maxManifestBytes, ...context });
  if (bytes === undefined) return;
  const document = attempt(() => parseManifestOrIndex(bytes, descriptor.mediaType), what, context.faults);
  if (document === undefined) return;
  if (document.kind === 'manifest') return validateManifest(document.manifest, descriptor, context);
  if (context.depth > 4) return void context.faults.push(`${what}: indexes are nested deeper than 4`);
  for (const entry of document.index.manifests) {
    await validateDocument(entry, { ...context, depth: context.depth + 1 });
  }
}

async function validateManifest(manifest: Manifest, descriptor: Descriptor, context: Context): Promise<void> {
  const { faults } = context;
  const what = `config ${short(manifest.config.digest)}`;
  const bytes = await validateBlob(manifest.config, { what, limit: maxConfigBytes, ...context });
  const config = bytes && attempt(() => parseImageConfig(bytes), what, faults);
  if (config !== undefined) validateConfig(config, { manifest, descriptor, faults });
  for (const [index, layer] of manifest.layers.entries()) {
    await validateLayer(layer, {
      ...context,
      what: `layers[${index}] ${short(layer.digest)}`,
      diffId: config?.rootfs.diff_ids[index],
    });
  }
}

function validateConfig(
  config: ImageConfig,
  image: { readonly manifest: Manifest; readonly descriptor: Descriptor; readonly faults: string[] },
): void {
  const { manifest, descriptor, faults } = image;
  const layers = manifest.layers.length;
  const diffIds = config.rootfs.diff_ids.length;
  if (diffIds !== layers)
    faults.push(`layer count: len(rootfs.diff_ids)=${diffIds}, len(manifest.layers)=${layers}`);

  const filled = config.history?.filter((entry) => entry.empty_layer !== true).length;
  if (filled !== undefined && filled !== layers) {
    faults.push(`history: entries with a layer=${filled}, len(manifest.layers)=${layers}`);
  }
  const { platform } = descriptor;
  if (platform !== undefined && !platformFits(platform, config)) {
    faults.push(
      `platform: descriptor=${platform.os}/${platform.architecture}, config=${config.os}/${config.architecture}`,
    );
  }
  const docker = manifest.mediaType === mediaTypes.dockerManifest;
  const mixed = [manifest.config, ...manifest.layers].find(
    ({ mediaType }) => isDockerType(mediaType) !== docker,
  );
  if (mixed !== undefined)
    faults.push(`media types: manifest=${manifest.mediaType ?? 'none'}, ${mixed.mediaType}`);
}

async function validateLayer(
  layer: Descriptor,
  context: Context & { readonly what: string; readonly diffId: Digest | undefined },
): Promise<void> {
  const { what, diffId, faults, source } = context;
  // Layers that may not be distributed need not be here: their urls say where they are.
  if (layer.urls !== undefined && layer.urls.length > 0) return;
  await validateBlob(layer, { ...context, limit: 0 });

  const compression = compressionOf(layer.mediaType);
  if (compression === undefined)
    return void faults.push(`${what}: ${layer.mediaType} is not the type of a layer`);
  const digester = createDigester(diffId === undefined ? undefined : digestParts(diffId).algorithm);
  let size = 0;
  const count = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of chunks) {
      digester.update(chunk);
      size += chunk.length;
    }
  };
  try {
    const bytes = Readable.from(await source.open(layer.digest), { objectMode: false });
    if (compression === 'none') await pipeline(bytes, count);
    else await pipeline(bytes, compression === 'gzip' ? createGunzip() : createZstdDecompress(), count);
  } catch (error) {
    return void faults.push(`${what}: ${compression} content cannot be read: ${messageOf(error)}`);
  }
  const actual = digester.digest();
  if (diffId !== undefined && actual !== diffId) {
    faults.push(`${what}: rootfs.diff_ids=${diffId}, sha256(uncompressed)=${actual}`);
  }
  if (size % 512 !== 0) faults.push(`${what}: size(uncompressed)=${size}, not whole tar blocks of 512`);
}

/** Checks digest and size; returns the bytes when they are sound and no more than `limit`. */
async function validateBlob(
  descriptor: Descriptor,
  context: Context & { readonly what: string; readonly limit: number },
): Promise<Buffer | undefined> {
  const { what, faults } = context;
  const measured = await measure(descriptor.digest, context);
  if (measured === undefined) return undefined;
  const { digest, size, bytes } = measured;
  if (digest !== descriptor.digest)
    faults.push(`${what}: descriptor.digest=${descriptor.digest}, digest(blob)=${digest}`);
  if (size !== descriptor.size)
    faults.push(`${what}: descriptor.size=${descriptor.size}, size(blob)=${size}`);
  return digest === descriptor.digest ? bytes : undefined;
}

async function measure(
  digest: Digest,
  context: Context & { readonly what: string; readonly limit: number },
): Promise<Measured | undefined> {
  const { what, limit, faults, source } = context;
  const digester = createDigester(digestParts(digest).algorithm);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of await source.open(digest)) {
      digester.update(chunk);
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
    }
  } catch (error) {
    faults.push(`${what}: blob cannot be read: ${messageOf(error)}`);
    return undefined;
  }
  return { digest: digester.digest(), size, bytes: size <= limit ? Buffer.concat(chunks) : undefined };
}

type Compression = 'none' | 'gzip' | 'zstd';

function compressionOf(mediaType: string): Compression | undefined {
  const match =
    /^application\/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar|docker\.image\.rootfs\.(?:diff|foreign\.diff)\.tar)(?:[+.](gzip|zstd))?$/.exec(
      mediaType,
    );
  return match === null ? undefined : ((match[1] as Compression | undefined) ?? 'none');
}

function isDockerType(mediaType: string): boolean {
  return mediaType.startsWith('application/vnd.docker.');
}

function attempt<T>(parse: () => T, what: string, faults: string[]): T | undefined {
  try {
    return parse();
  } catch (error) {
    faults.push(`${what}: ${messageOf(error)}`);
    return undefined;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function short(digest: Digest): string {
  return digestParts(digest).hex.slice(0, 12);
}
