import { randomBytes } from 'node:crypto';
import {
  createWriteStream,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import {
  canonicalJson,
  digestParts,
  isErrno,
  TsbuildError,
  type Digest,
  type Json,
} from '../../core/index.ts';
import { maxManifestBytes, mediaTypes, parseIndex } from '../../oci/index.ts';
import type { Descriptor } from '../../oci/types.ts';
import { layoutIndex } from '../../store/index.ts';
import { attestedImage } from '../attestations/artifact.ts';
import { writeResult, type PackedArchiveOptions, type PackedResult } from './packed-archive.ts';

/** In the folder, while somebody changes its index; caches in folders have it, too. */
export const layoutLock = '.tsbuild-lock';

const refName = 'org.opencontainers.image.ref.name';

/**
 * An image or an index into an OCI layout that is a folder (image-layout.md): a new one, or one that is there, where it is
 * one more and takes over its names. Blobs come first and appear whole, index.json last: who reads meanwhile finds what it
 * names. Throws IO_ERROR when the folder holds something else, IMAGE_INVALID when its index is damaged.
 */
export async function writeLayoutFolder(
  result: PackedResult,
  folder: string,
  options: PackedArchiveOptions & {
    /** Held while the index is read and written: who puts another image here meanwhile must not be forgotten. */
    readonly lock: () => Promise<Disposable>;
  },
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  // Before the first blob: a folder of something else is left alone.
  entriesOf(folder);
  const writer = {
    has: (blob: Pick<Descriptor, 'digest' | 'size'>): boolean => isWhole(folder, blob),
    blob: (blob: Pick<Descriptor, 'digest' | 'size'>, bytes: AsyncIterable<Uint8Array> | Uint8Array) =>
      writeBlob(folder, blob, bytes),
  };
  const { names } = options;
  const { manifest, said } = await writeResult(writer, result, options);
  using _lock = await options.lock();
  // Read again: packing takes its time, and others may have put images here meanwhile.
  const earlier = entriesOf(folder);
  const own = names.length === 0 ? [manifest] : namedEntries(names, manifest);
  const taken = new Set(own.map((entry) => entry.annotations?.[refName] ?? entry.digest));
  const isTaken = (entry: Descriptor): boolean => taken.has(entry.annotations?.[refName] ?? entry.digest);
  // What was said of an image that is here no longer, or is here anew, goes with it.
  const gone = new Set<string | undefined>(
    [manifest, ...result.images.map(({ packed }) => packed.descriptor), ...earlier.filter(isTaken)].map(
      ({ digest }) => digest,
    ),
  );
  const others = earlier.filter((entry) => !isTaken(entry) && !gone.has(attestedImage(entry)));
  replaceFile(join(folder, 'oci-layout'), canonicalJson({ imageLayoutVersion: '1.0.0' }));
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [...others, ...own, ...said] };
  replaceFile(join(folder, 'index.json'), canonicalJson(index as unknown as Json));
}

function namedEntries(names: readonly string[], target: Descriptor): readonly Descriptor[] {
  return parseIndex(Buffer.from(layoutIndex(names.map((name) => ({ name, target }))))).manifests;
}

function entriesOf(folder: string): readonly Descriptor[] {
  const index = join(folder, 'index.json');
  try {
    if (statSync(index).size > maxManifestBytes) {
      throw new TsbuildError('IMAGE_INVALID', `${index} is larger than ${maxManifestBytes} bytes`);
    }
    return parseIndex(readFileSync(index)).manifests;
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  // A run that was killed before it had written the index leaves these.
  const own = ['blobs', 'oci-layout', layoutLock];
  const aside = /^(?:oci-layout|index\.json)\.[0-9a-f]{8}\.tmp$/;
  const foreign = readdirSync(folder).find((name) => !own.includes(name) && !aside.test(name));
  if (foreign === undefined) return [];
  throw new TsbuildError('IO_ERROR', `cannot write an OCI layout into ${folder}: it has other files`, {
    hint: 'name an empty folder, or one that is an OCI layout',
  });
}

function blobFile(folder: string, digest: Digest): string {
  const { algorithm, hex } = digestParts(digest);
  return join(folder, 'blobs', algorithm, hex);
}

/** Blobs appear by rename, so that one that is there is whole, unless the power failed before it was on the disk. */
function isWhole(folder: string, { digest, size }: Pick<Descriptor, 'digest' | 'size'>): boolean {
  const stat = statSync(blobFile(folder, digest), { throwIfNoEntry: false });
  return stat?.isFile() === true && stat.size === size;
}

async function writeBlob(
  folder: string,
  blob: Pick<Descriptor, 'digest' | 'size'>,
  bytes: AsyncIterable<Uint8Array> | Uint8Array,
): Promise<void> {
  const { digest } = blob;
  const path = blobFile(folder, digest);
  if (isWhole(folder, blob)) return;
  mkdirSync(join(folder, 'blobs', digestParts(digest).algorithm), { recursive: true });
  const aside = asideOf(path);
  try {
    if (bytes instanceof Uint8Array) writeFileSync(aside, bytes, { flag: 'wx' });
    else await pipeline(bytes, createWriteStream(aside, { flags: 'wx' }));
    renameSync(aside, path);
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  }
}

function replaceFile(path: string, text: string): void {
  const aside = asideOf(path);
  writeFileSync(aside, text, { flag: 'wx' });
  renameSync(aside, path);
}

function asideOf(path: string): string {
  return `${path}.${randomBytes(4).toString('hex')}.tmp`;
}
