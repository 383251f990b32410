import {
  canonicalJson,
  digestOf,
  digestParts,
  isDigest,
  isJsonObject,
  type Digest,
  type Json,
} from '../../core/index.ts';

/**
 * What tells one cache mount from another. As with BuildKit, what a cache begins with is part of what it is: other
 * content to start from, or another owner or mode, is another cache of the same id.
 */
export interface CacheIdentity {
  readonly id: string;
  /** Of its top folder; undefined for those of a cache that nobody said anything about. */
  readonly attributes?: CacheAttributes | undefined;
  /** Absolute path of the folder it began as a copy of, and the digest of what was there. */
  readonly seed?: { readonly path: string; readonly digest: Digest } | undefined;
}

export interface CacheAttributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Its folder in the store: 64 hexadecimal digits, never the id itself (S-36). */
export function folderOf(identity: CacheIdentity): string {
  const { id, attributes, seed } = identity;
  const plain = attributes === undefined && seed === undefined;
  return digestParts(digestOf(plain ? id : canonicalJson(identityJson(identity)))).hex;
}

/** Of the folder and of its further copies, which `sharing=private` makes: `DIGITS-1`. */
export function isCacheFolder(name: string): boolean {
  return /^[0-9a-f]{64}(-\d+)?$/.test(name);
}

/** As a lease names the folder of a cache mount, which is no snapshot. */
export function leaseOfCacheMount(name: string): string {
  return `cache-${name}`;
}

/** Held by whoever looks for the folder, makes, replaces or removes it; not by those who work in it. */
export function makingLockOf(name: string): string {
  return `cache-made-${name}`;
}

export function identityJson({ id, attributes, seed }: CacheIdentity): Json {
  return {
    id,
    attributes: attributes === undefined ? null : { ...attributes },
    seed: seed === undefined ? null : { ...seed },
  };
}

/** Undefined when it is none: an archive or a record may say anything. */
export function parseIdentity(json: Json | undefined): CacheIdentity | undefined {
  if (!isJsonObject(json)) return undefined;
  const { id, attributes = null, seed = null } = json;
  if (typeof id !== 'string' || id === '' || id.length > longestId) return undefined;
  const [known, start] = [parseAttributes(attributes), parseSeed(seed)];
  if ((attributes !== null && known === undefined) || (seed !== null && start === undefined))
    return undefined;
  return { id, attributes: known, seed: start };
}

const longestId = 4096;
/** One less than the id that the kernel takes for "leave it as it is". */
const highestId = 2 ** 32 - 2;

function parseAttributes(json: Json): CacheAttributes | undefined {
  if (!isJsonObject(json)) return undefined;
  const { mode, uid, gid } = json;
  if (!isNumberTo(0o7777, mode) || !isNumberTo(highestId, uid) || !isNumberTo(highestId, gid))
    return undefined;
  return { mode, uid, gid };
}

function parseSeed(json: Json): CacheIdentity['seed'] {
  if (!isJsonObject(json)) return undefined;
  const { path, digest } = json;
  if (typeof path !== 'string' || typeof digest !== 'string' || !isDigest(digest)) return undefined;
  return { path, digest };
}

function isNumberTo(highest: number, value: Json | undefined): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= highest;
}
