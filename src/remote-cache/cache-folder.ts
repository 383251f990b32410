import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

import {
  canonicalJson,
  createDigester,
  digestOf,
  digestParts,
  fromErrno,
  isErrno,
  TsbuildError,
  type Json,
} from '../core/index.ts';
import {
  maxManifestBytes,
  mediaTypes,
  parseIndex,
  parseManifest,
  parseManifestOrIndex,
  type Descriptor,
  type Index,
} from '../oci/index.ts';
import { makeFolder, removeFile } from '../sys/index.ts';
import { cacheConfigType, decodeCache, maxCacheBytes } from './format.ts';
import type { CachePart } from './types.ts';

const refName = 'org.opencontainers.image.ref.name';
const temporary = '.tsbuild-tmp';

/** A folder with caches, as an OCI layout (image-spec, image-layout.md). Whoever changes it holds its lock. */
export class CacheFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes it where there is none. Throws USAGE for a folder that has other things in it. */
  static open(path: string): CacheFolder {
    try {
      makeFolder(path, 0o777);
      const names = readdirSync(path).filter((name) => !name.startsWith('.tsbuild-'));
      if (names.length > 0 && !names.includes('oci-layout')) {
        throw new TsbuildError(
          'USAGE',
          `${path} is not a cache: it has other things in it (${names[0] ?? ''})`,
          {
            hint: 'give --cache-to type=local a folder of its own',
          },
        );
      }
      // First of all: it says whose folder this is, to whoever comes at the same moment or after a kill.
      markLayout(path);
      makeFolder(join(path, 'blobs', 'sha256'), 0o777);
    } catch (error) {
      throw fromErrno(error, `opening the cache ${path}`);
    }
    return new CacheFolder(path);
  }

  /** What killed builds left. */
  sweep(): void {
    removeFile(join(this.path, temporary));
  }

  has({ digest, size }: Descriptor): boolean {
    return statSync(this.#blob(digest), { throwIfNoEntry: false })?.size === size;
  }

  /** Empty where there is no such tag. Throws IMAGE_INVALID and DIGEST_MISMATCH; REFERENCE_INVALID for the tag of an image. */
  async parts(tag: string): Promise<readonly CachePart[]> {
    const entry = this.#index().manifests.find((one) => one.annotations?.[refName] === tag);
    if (entry === undefined) return [];
    const parsed = parseManifestOrIndex(this.#read(entry, maxManifestBytes), entry.mediaType);
    if (parsed.kind === 'index' || parsed.manifest.config.mediaType !== cacheConfigType) {
      throw new TsbuildError(
        'REFERENCE_INVALID',
        `${tag} of ${this.path} is not a cache: it names something else`,
        {
          hint: 'give the cache a tag of its own: tag=buildcache',
        },
      );
    }
    const { manifest } = parsed;
    return decodeCache(manifest, this.#read(manifest.config, maxCacheBytes));
  }

  /** Stores the bytes unless they are there. On the disk before their name is: a name must never lead to half a blob. */
  async put(descriptor: Descriptor, bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    if (this.has(descriptor)) return;
    const digester = createDigester(digestParts(descriptor.digest).algorithm);
    await this.#publish(this.#blob(descriptor.digest), async (write) => {
      for await (const chunk of bytes) {
        digester.update(chunk);
        write(chunk);
      }
      if (digester.digest() !== descriptor.digest)
        throw new TsbuildError('DIGEST_MISMATCH', `the blob ${descriptor.digest} changed on its way`);
    });
  }

  /** Stores the manifest and lets the tag name it; all it names must be there. */
  async name(
    tag: string,
    { bytes, mediaType }: { readonly bytes: Uint8Array; readonly mediaType: string },
  ): Promise<void> {
    const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
    await this.put(descriptor, [bytes]);
    const others = this.#index().manifests.filter((one) => one.annotations?.[refName] !== tag);
    const index = {
      schemaVersion: 2,
      mediaType: mediaTypes.index,
      manifests: [...others, { ...descriptor, annotations: { [refName]: tag } }],
    };
    const text = canonicalJson(index as unknown as Json);
    await this.#publish(join(this.path, 'index.json'), async (write) => write(Buffer.from(text)));
  }

  /** Removes what no cache names. Where something else than caches is kept, too, nothing is known of what that needs. */
  collect(): void {
    const needed = new Set<string>();
    for (const entry of this.#index().manifests) {
      try {
        const manifest = parseManifest(this.#read(entry, maxManifestBytes), entry.mediaType);
        if (manifest.config.mediaType !== cacheConfigType) return;
        for (const { digest } of [entry, manifest.config, ...manifest.layers]) needed.add(digest);
      } catch {
        return;
      }
    }
    const blobs = join(this.path, 'blobs', 'sha256');
    for (const hex of readdirSync(blobs))
      if (/^[0-9a-f]{64}$/.test(hex) && !needed.has(`sha256:${hex}`)) removeFile(join(blobs, hex));
  }

  #index(): Index {
    try {
      return parseIndex(readFileSync(join(this.path, 'index.json')));
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return { schemaVersion: 2, manifests: [] };
      throw error;
    }
  }

  #read({ digest, size }: Descriptor, limit: number): Buffer {
    if (size > limit)
      throw new TsbuildError('IMAGE_INVALID', `the blob ${digest} is larger than ${limit} bytes`);
    try {
      const bytes = readFileSync(this.#blob(digest));
      if (bytes.byteLength === size && digestOf(bytes) === digest) return bytes;
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw fromErrno(error, `reading the cache ${this.path}`);
    }
    throw new TsbuildError('DIGEST_MISMATCH', `the blob ${digest} is missing or damaged`);
  }

  /** A digest is checked text: it leads nowhere but into the folder of blobs. */
  #blob(digest: Descriptor['digest']): string {
    const { algorithm, hex } = digestParts(digest);
    return join(this.path, 'blobs', algorithm, hex);
  }

  async #publish(path: string, fill: (write: (chunk: Uint8Array) => void) => Promise<void>): Promise<void> {
    const staged = join(this.path, temporary);
    let fd: number | undefined;
    try {
      fd = openSync(staged, 'w', 0o644);
      const opened = fd;
      await fill((chunk) => {
        for (let done = 0; done < chunk.length;) done += writeSync(opened, chunk, done);
      });
      fsyncSync(fd);
      renameSync(staged, path);
    } catch (error) {
      removeFile(staged);
      throw fromErrno(error, `writing the cache ${this.path}`);
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }
}

function markLayout(path: string): void {
  try {
    writeFileSync(join(path, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}', { flag: 'wx' });
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
}
