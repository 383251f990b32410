import {
  digestParts,
  isDigest,
  isJsonObject,
  toText,
  type ByteString,
  type Digest,
  type Json,
  type JsonObject,
  type PartChange,
} from '../../core/index.ts';
import { differences } from '../../solver/index.ts';
import type { Store } from '../../store/index.ts';
import type { Selected, SelectedFiles } from './selection.ts';

/** Of more files than that only the digest of all is kept: names explain nothing any more, and cost space. */
const mostFiles = 50_000;

/** A line for each file, in the order of the walk; one text, since it is written and read at every change of a large context. */
type Listing = readonly string[];
/** Raised when the form of the records changes; the first had none. */
const version = 2;

/** Keeps the names of what is copied under the digest of all of it, so that a later miss can say which files changed. */
export async function keepListing(store: Store, digest: Digest, selected: Selected): Promise<void> {
  if (await store.records.has('listings', digestParts(digest).hex)) return;
  const listing = await listingOnce(selected);
  if (listing === undefined) return;
  await store.records.put('listings', digestParts(digest).hex, { version, files: listing.join('\n') });
}

/** By name, what differs between the files of an earlier digest and those selected now; undefined when those are not known. */
export async function fileChanges(
  store: Store,
  before: Json,
  selected: Selected,
): Promise<readonly PartChange[] | undefined> {
  if (typeof before !== 'string' || !isDigest(before)) return undefined;
  const earlier = await store.records.get('listings', digestParts(before).hex);
  if (!isJsonObject(earlier) || earlier['version'] !== version) return undefined;
  const { files } = earlier;
  if (typeof files !== 'string') return undefined;
  const now = await listingOnce(selected);
  if (now === undefined) return undefined;
  const [were, are] = withoutCommonEnds(files === '' ? [] : files.split('\n'), now);
  return differences(filesOf([...were].sort()), filesOf(are)).map((change) => ({
    ...change,
    path: change.path.map((name) => (typeof name === 'string' ? toText(name as ByteString) : name)),
  }));
}

/** Both who says what changed and who keeps it for the next time ask for it. */
const listed = new WeakMap<SelectedFiles, Listing>();

async function listingOnce(selected: Selected): Promise<Listing | undefined> {
  // To find out each file of so many would take longer than to copy those that changed.
  if (selected.count > mostFiles) return undefined;
  const files = await selected.files();
  const listing = listed.get(files) ?? listingOf(files);
  listed.set(files, listing);
  return listing;
}

/** Path, type, mode and content of each file. */
function listingOf({ selection, facts }: SelectedFiles): Listing {
  const lines: string[] = [];
  for (const { items } of selection.matches) {
    for (const item of items) {
      const { type, mode } = item.stat;
      const { content, link } = facts.get(item) ?? {};
      // Enough of a digest to tell two versions of one file apart.
      const held = content === undefined ? toText(link ?? ('' as ByteString)) : content.slice(0, 23);
      const line = `${item.source}//${type} ${mode.toString(8)} ${held}`;
      // No path has a component `.`.
      lines.push(line.includes('\n') ? line.replaceAll('\n', '/./') : line);
    }
  }
  return lines;
}

/** The rest holds all that differs, and mostly nothing else: few files change at a time. */
function withoutCommonEnds(before: Listing, after: Listing): readonly [Listing, Listing] {
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before[start] === after[start]) start++;
  let end = 0;
  while (end < most - start && before.at(-1 - end) === after.at(-1 - end)) end++;
  return [before.slice(start, before.length - end), after.slice(start, after.length - end)];
}

/** The same file reached by two words of a COPY is one. No path has two slashes in a row. */
function filesOf(lines: Listing): JsonObject {
  return Object.fromEntries(
    lines.map((line) => {
      const [path = '', ...version] = line.split('//');
      return [path.replaceAll('/./', '\n'), version.join('//')];
    }),
  );
}
