import { isDigest, toText, TsbuildError } from '../../core/index.ts';
import type { Digest } from '../../core/index.ts';
import { maxManifestBytes } from '../../oci/index.ts';
import type { Lease, Store } from '../../store/types.ts';
import { readTar } from '../../tar/index.ts';
import type { TarEntry, TarLimits } from '../../tar/index.ts';

export interface StoredMember {
  readonly digest: Digest;
  readonly size: number;
}

/** The members of an image archive by name; a later part of the archive may be needed to know what an earlier one is. */
export interface Members {
  /** A small member of a fixed name, undefined when there is none. */
  document(name: DocumentName): Uint8Array | undefined;
  /** A member that is now a blob of the store, links followed; undefined when there is none. */
  blob(name: string): StoredMember | undefined;
  readonly count: number;
}

const documentNames = ['manifest.json', 'index.json', 'oci-layout', 'repositories'] as const;
export type DocumentName = (typeof documentNames)[number];

/** An image archive has a few members for each layer; a root file system has thousands, and deeper ones. */
const limits: Partial<TarLimits> = { entries: 50_000, depth: 6 };
const maxDepth = 4;
const maxLinks = 8;

/** What older engines put beside each layer; nobody reads it any more. */
const legacyMember = /^[0-9a-f]{64}\/(?:json|VERSION)$/;

/**
 * Reads the whole archive once, in whatever order its members come. Documents are kept in memory, everything else goes
 * into the store's blobs as it arrives, a member named by its digest only if it has that digest (S-55).
 * What turns out to belong to no image is left to the store's collector.
 */
export async function readMembers(
  store: Store,
  lease: Lease,
  archive: AsyncIterable<Uint8Array>,
): Promise<Members> {
  const documents = new Map<string, Uint8Array>();
  const blobs = new Map<string, StoredMember>();
  const links = new Map<string, string>();
  const seen = new Set<string>();
  for await (const entry of readTar(archive, limits)) {
    const name = memberName(entry);
    const { type, link, size } = entry.header;
    if (type === 'directory' || legacyMember.test(name)) continue;
    if (seen.has(name)) throw invalid(`it has ${JSON.stringify(name)} twice`);
    seen.add(name);
    if (type === 'symlink' || type === 'hardlink') {
      links.set(name, linkTarget(name, link === undefined ? '' : toText(link), type));
    } else if (type !== 'file') {
      throw notAnImage(`it has a ${type} ${JSON.stringify(name)}`);
    } else if (isDocument(name)) {
      documents.set(name, await readDocument(entry, name));
    } else {
      const expected = { digest: digestInName(name), size };
      if (expected.digest !== undefined) await lease.keep({ blob: expected.digest });
      blobs.set(name, await store.blobs.put(entry.chunks(), expected));
    }
  }
  return {
    document: (name) => documents.get(name),
    blob: (name) => followLinks(name, blobs, links),
    count: seen.size,
  };
}

function isDocument(name: string): name is DocumentName {
  return (documentNames as readonly string[]).includes(name);
}

/** Member names are keys of a map, never paths of this machine. */
function memberName(entry: TarEntry): string {
  const name = normalize(toText(entry.header.path));
  if (name.split('/').length > maxDepth)
    throw notAnImage(`it has a member ${JSON.stringify(name.slice(0, 200))}`);
  return name;
}

function normalize(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** Engines store a layer that occurs twice once, with symbolic links between the layers' folders. */
function linkTarget(name: string, target: string, type: 'symlink' | 'hardlink'): string {
  if (type === 'hardlink' || target.startsWith('/')) return normalize(target);
  return normalize(`${name}/../${target}`);
}

function followLinks(
  name: string,
  blobs: ReadonlyMap<string, StoredMember>,
  links: ReadonlyMap<string, string>,
): StoredMember | undefined {
  let at: string | undefined = normalize(name);
  for (let hops = 0; hops <= maxLinks && at !== undefined; hops += 1) {
    const found = blobs.get(at);
    if (found !== undefined) return found;
    at = links.get(at);
  }
  return undefined;
}

function digestInName(name: string): Digest | undefined {
  const [, algorithm, hex] = /^blobs\/([^/]+)\/([^/]+)$/.exec(name) ?? [];
  const digest = `${algorithm ?? ''}:${hex ?? ''}`;
  return isDigest(digest) ? digest : undefined;
}

async function readDocument(entry: TarEntry, name: string): Promise<Uint8Array> {
  if (entry.header.size > maxManifestBytes) {
    throw new TsbuildError(
      'ARCHIVE_LIMIT',
      `${name} in the archive is larger than ${maxManifestBytes} bytes`,
    );
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of entry.chunks()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export function invalid(why: string, hint?: string): TsbuildError {
  return new TsbuildError('ARCHIVE_INVALID', `the image archive is invalid: ${why}`, { hint });
}

export function notAnImage(why: string): TsbuildError {
  return new TsbuildError('ARCHIVE_INVALID', `not an image archive: ${why}`, {
    hint: 'expected a docker archive (manifest.json) or an OCI archive (oci-layout, index.json); the tar of a root file system is taken by import',
  });
}
