import { closeSync, constants, createReadStream, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';

import { createDigester, digestParts, isDigest, isErrno, TsbuildError, type Digest } from '../core/index.ts';
import {
  maxConfigBytes,
  maxManifestBytes,
  parseIndex,
  parseManifestOrIndex,
  selectPlatform,
} from '../oci/index.ts';
import type { Descriptor, Platform } from '../oci/index.ts';
import { mediaTypes } from '../oci/types.ts';
import type { Lease, Store } from '../store/types.ts';
import { imageOf, type Image } from './image.ts';

export interface LayoutOptions {
  /** Tag or digest; without one `latest`, or the only image there is. */
  readonly reference?: string | undefined;
  readonly platform: Platform;
  readonly lease: Lease;
  /** False: only the image is read, its blobs stay where they are. */
  readonly copy: boolean;
}

const maxNesting = 3;
const configTypes: readonly string[] = [mediaTypes.config, mediaTypes.dockerConfig];

/**
 * An image of an OCI layout (image-spec, image-layout.md): a folder of the host, which may be anybody's. Every blob is
 * checked against its digest and size before anything is taken from it. Throws IMAGE_NOT_FOUND, PLATFORM_MISMATCH,
 * IMAGE_INVALID, DIGEST_MISMATCH.
 */
export async function readLayoutImage(store: Store, path: string, options: LayoutOptions): Promise<Image> {
  const layout = new Layout(path);
  const descriptor = await layout.find(options.reference, options.platform);
  const rawManifest = await layout.read(descriptor, maxManifestBytes);
  const parsed = parseManifestOrIndex(rawManifest, descriptor.mediaType);
  if (parsed.kind !== 'manifest' || !configTypes.includes(parsed.manifest.config.mediaType)) {
    throw new TsbuildError('IMAGE_INVALID', `${descriptor.digest} of ${layout.name} is not an image`);
  }
  const { manifest } = parsed;
  const rawConfig = await layout.read(manifest.config, maxConfigBytes);
  const { mediaType, digest, size } = descriptor;
  const image = imageOf(store, { descriptor: { mediaType, digest, size }, manifest, rawManifest, rawConfig });
  if (!options.copy) return image;
  for (const layer of manifest.layers) await layout.copy(layer, store, options.lease);
  await store.blobs.put(rawConfig, { digest: manifest.config.digest });
  await store.blobs.put(rawManifest, { digest });
  return image;
}

/** An OCI layout of the host, which may be anybody's. */
export class Layout {
  readonly name: string;
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
    this.name = `the OCI layout ${path}`;
  }

  async find(reference: string | undefined, platform: Platform): Promise<Descriptor> {
    const chosen =
      reference !== undefined && isDigest(reference)
        ? await this.#byDigest(reference)
        : await this.#byName(reference, platform);
    return this.#descend(chosen, platform, 0);
  }

  /** A small blob, whole. */
  async read({ digest, size }: Descriptor, limit: number): Promise<Buffer> {
    if (size > limit) throw this.#invalid(`the blob ${digest} has ${size} bytes, more than ${limit}`);
    const bytes = await this.#bytes(this.#blob(digest), limit);
    if (bytes === undefined) throw this.#invalid(`the blob ${digest} is missing`);
    const digester = createDigester(digestParts(digest).algorithm);
    digester.update(bytes);
    const is = digester.digest();
    if (is !== digest) {
      throw new TsbuildError('DIGEST_MISMATCH', `${this.name}: the blob ${digest} has the digest ${is}`);
    }
    return bytes;
  }

  async copy({ digest, size }: Descriptor, store: Store, lease: Lease): Promise<void> {
    await lease.keep({ blob: digest });
    if ((await store.blobs.stat(digest))?.size === size) return;
    const fd = this.#open(this.#blob(digest));
    if (fd === undefined) throw this.#invalid(`the blob ${digest} is missing`);
    await store.blobs.put(createReadStream('', { fd }) as AsyncIterable<Uint8Array>, { digest, size });
  }

  /** The bytes of a blob as they come. Not verified: whoever keeps them does that. */
  stream({ digest }: Pick<Descriptor, 'digest'>): AsyncIterable<Uint8Array> {
    const fd = this.#open(this.#blob(digest));
    if (fd === undefined) throw this.#invalid(`the blob ${digest} is missing`);
    return createReadStream('', { fd }) as AsyncIterable<Uint8Array>;
  }

  /** Of the index or, as `docker buildx` has it, any manifest of the layout. */
  async #byDigest(digest: Digest): Promise<Descriptor> {
    const listed = (await this.#entries()).find((entry) => entry.digest === digest);
    if (listed !== undefined) return listed;
    const bytes = await this.#bytes(this.#blob(digest), maxManifestBytes);
    if (bytes === undefined) throw this.#notFound(digest);
    const parsed = parseManifestOrIndex(bytes);
    return { mediaType: parsed.mediaType, digest, size: bytes.byteLength };
  }

  async #byName(tag: string | undefined, platform: Platform): Promise<Descriptor> {
    const entries = await this.#entries();
    const named = entries.filter((entry) => namesOf(entry).some((name) => isNamed(name, tag ?? 'latest')));
    // A layout of one image needs no name; one image for several platforms may stand there as so many entries.
    const names = new Set(entries.map((entry) => namesOf(entry).join(' ')));
    const candidates = named.length === 0 && tag === undefined && names.size === 1 ? entries : named;
    const [only, other] = candidates;
    if (only !== undefined && other === undefined) return only;
    if (only === undefined) throw this.#notFound(tag ?? 'latest', entries);
    return this.#forPlatform(candidates, platform);
  }

  async #descend(descriptor: Descriptor, platform: Platform, depth: number): Promise<Descriptor> {
    const bytes = await this.read(descriptor, maxManifestBytes);
    const parsed = parseManifestOrIndex(bytes, descriptor.mediaType);
    if (parsed.kind === 'manifest') return descriptor;
    if (depth >= maxNesting) throw this.#invalid('its indexes are nested too deeply');
    const images = parsed.index.manifests.filter((entry) => entry.platform?.os !== 'unknown');
    return this.#descend(this.#forPlatform(images, platform), platform, depth + 1);
  }

  #forPlatform(entries: readonly Descriptor[], platform: Platform): Descriptor {
    const chosen = selectPlatform(platform, entries);
    if (chosen !== undefined) return chosen;
    throw new TsbuildError(
      'PLATFORM_MISMATCH',
      `${this.name} has no image for ${platform.os}/${platform.architecture}`,
    );
  }

  async #entries(): Promise<readonly Descriptor[]> {
    const bytes = await this.#bytes(join(this.#path, 'index.json'), maxManifestBytes);
    if (bytes !== undefined) return parseIndex(bytes).manifests;
    throw new TsbuildError('IMAGE_NOT_FOUND', `${this.#path} is not an OCI layout: it has no index.json`, {
      hint: 'give the folder that has oci-layout, index.json and blobs',
    });
  }

  #notFound(reference: string, entries: readonly Descriptor[] = []): TsbuildError {
    const names = entries.flatMap(namesOf).slice(0, 5);
    return new TsbuildError('IMAGE_NOT_FOUND', `${this.name} has no image ${reference}`, {
      hint: names.length === 0 ? undefined : `it has ${names.join(', ')}`,
    });
  }

  #invalid(why: string): TsbuildError {
    return new TsbuildError('IMAGE_INVALID', `${this.name}: ${why}`);
  }

  /** A digest is checked text: it leads nowhere but into the folder of blobs. */
  #blob(digest: Digest): string {
    const { algorithm, hex } = digestParts(digest);
    return join(this.#path, 'blobs', algorithm, hex);
  }

  /** Undefined when there is none. Pipes and devices in a stranger's layout are not waited for. */
  #open(path: string): number | undefined {
    try {
      const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      if (fstatSync(fd).isFile()) return fd;
      closeSync(fd);
      throw this.#invalid(`${path} is not a file`);
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
      throw error;
    }
  }

  async #bytes(path: string, limit: number): Promise<Buffer | undefined> {
    const fd = this.#open(path);
    if (fd === undefined) return undefined;
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of createReadStream('', { fd }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit) throw this.#invalid(`${path} is larger than ${limit} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }
}

function namesOf({ annotations }: Descriptor): readonly string[] {
  return ['org.opencontainers.image.ref.name', 'io.containerd.image.name'].flatMap(
    (key) => annotations?.[key] ?? [],
  );
}

/** Some tools write the tag alone, others the whole name. */
function isNamed(name: string, tag: string): boolean {
  return name === tag || name.endsWith(`:${tag}`);
}
