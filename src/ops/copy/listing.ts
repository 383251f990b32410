import {
  digestParts,
  isDigest,
  isJsonObject,
  toText,
  type ByteString,
  type Digest,
  type Json,
  type PartChange,
} from '../../core/index.ts';
import { differences } from '../../solver/index.ts';
import type { Store } from '../../store/index.ts';
import type { Selected, SelectedFiles } from './selection.ts';

/** Of more files than that only the digest of all is kept: names explain nothing any more, and cost space. */
const mostFiles = 50_000;

type Listing = { readonly [path: string]: Json };

/** Keeps the names of what is copied under the digest of all of it, so that a later miss can say which files changed. */
export async function keepListing(store: Store, digest: Digest, selected: Selected): Promise<void> {
  if (await store.records.has('listings', digestParts(digest).hex)) return;
  const listing = listingOf(await selected.files());
  if (listing === undefined) return;
  await store.records.put('listings', digestParts(digest).hex, listing);
}

/** By name, what differs between the files of an earlier digest and those selected now; undefined when those are not known. */
export async function fileChanges(
  store: Store,
  before: Json,
  selected: Selected,
): Promise<readonly PartChange[] | undefined> {
  if (typeof before !== 'string' || !isDigest(before)) return undefined;
  const earlier = await store.records.get('listings', digestParts(before).hex);
  if (!isJsonObject(earlier)) return undefined;
  const now = listingOf(await selected.files());
  if (now === undefined) return undefined;
  return differences(earlier, now).map((change) => ({
    ...change,
    path: change.path.map((name) => (typeof name === 'string' ? toText(name as ByteString) : name)),
  }));
}

/** Path to type, mode and content. The same file reached by two words of a COPY is one. */
function listingOf({ selection, facts }: SelectedFiles): Listing | undefined {
  const listing = new Map<string, string>();
  for (const { items } of selection.matches) {
    if (listing.size + items.length > mostFiles) return undefined;
    for (const item of items) {
      const { type, mode } = item.stat;
      const { content, link } = facts.get(item) ?? {};
      // Enough of a digest to tell two versions of one file apart.
      const version = content === undefined ? toText(link ?? ('' as ByteString)) : content.slice(0, 23);
      listing.set(item.source, `${type} ${mode.toString(8)} ${version}`);
    }
  }
  return Object.fromEntries(listing);
}
