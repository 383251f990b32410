import {
  fromText,
  isJsonArray,
  isJsonObject,
  TsbuildError,
  type ByteString,
  type Json,
} from '../../core/index.ts';
import { identityJson, parseIdentity, type CacheIdentity } from './identity.ts';

/** First entry of an archive of cache mounts, a JSON file that says what the folders beside it are. */
export const listName = fromText('tsbuild-cache-mounts.json');

/** Bytes of the list that are read. */
export const longestList = 4 * 2 ** 20;

const kind = 'tsbuild.cache-mounts';
const version = 1;

/** A cache mount's folder in an archive: by its place in the list, since ids may be anything. */
export function folderAt(index: number): ByteString {
  return fromText(String(index));
}

export function listText(caches: readonly CacheIdentity[]): Buffer {
  return Buffer.from(`${JSON.stringify({ kind, version, caches: caches.map(identityJson) })}\n`);
}

/** Throws ARCHIVE_INVALID. */
export function parseList(bytes: Uint8Array): readonly CacheIdentity[] {
  const json = parsed(bytes);
  if (!isJsonObject(json) || json['kind'] !== kind) throw invalid('it is no list of cache mounts');
  if (json['version'] !== version) throw invalid('it is of another version of the format');
  const { caches } = json;
  if (!isJsonArray(caches)) throw invalid('it has no caches');
  return caches.map((each) => {
    const identity = parseIdentity(each);
    if (identity === undefined) throw invalid('it has a cache that is none');
    return identity;
  });
}

function parsed(bytes: Uint8Array): Json | undefined {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Json;
  } catch {
    return undefined;
  }
}

function invalid(why: string): TsbuildError {
  return new TsbuildError('ARCHIVE_INVALID', `${listName} in the archive: ${why}`);
}
