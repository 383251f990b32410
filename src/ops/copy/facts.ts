import type { ByteString, Digest } from '../../core/index.ts';
import { keptXattrs, type Breath } from '../../snapshot/index.ts';
import { fileClock, type RootDir } from '../../sys/index.ts';
import type { Place } from './near-folder.ts';
import { contentDigestOf, unlessGone } from './read.ts';
import type { KnownContent, StatCache } from './stat-cache.ts';
import type { CopyItem } from './walk.ts';

/** What was read of an item for its key, and so is what is copied, whatever the source holds by then. */
export interface ItemFacts {
  /** Digest of a regular file's bytes; `unread`: it is copied as it is then. */
  readonly content?: Digest | 'unread' | undefined;
  /** Text of a symlink. */
  readonly link?: ByteString | undefined;
  readonly xattrs: readonly (readonly [name: ByteString, value: ByteString])[];
}

/** Facts of items, wherever they are kept. */
export interface FactsOfItems {
  get(item: CopyItem): ItemFacts | undefined;
}

/** Those that came with the items. */
export const ownFacts: FactsOfItems = { get: (item) => item.facts };

export interface FactsOptions {
  readonly breath: Breath;
  /** No file is read: of a tree that nobody changes, and whose digest nobody wants. */
  readonly unread?: boolean | undefined;
  readonly cache: StatCache | undefined;
  /** Of a file: what the cache knows of it. */
  readonly known: KnownContent | undefined;
}

/** Where an item is: below its root, and in the folder that holds it. */
export interface ItemPlace extends Place {
  readonly root: RootDir;
}

export interface ReadFacts {
  readonly facts: ItemFacts;
  /** Of a file: whether the cache knows its content by its stat alone from now on. */
  readonly kept: boolean;
}

/** Throws CONTEXT_CHANGED where it is no longer what was listed. */
export async function readFacts(item: CopyItem, place: ItemPlace, options: FactsOptions): Promise<ReadFacts> {
  if (item.stat.type === 'file') return readFileFacts(item, place, options);
  const xattrs = xattrsOf(item, place);
  if (item.stat.type !== 'symlink') return { facts: { xattrs }, kept: false };
  return { facts: { xattrs, link: unlessGone(item, () => place.folder.readlink(place.name)) }, kept: false };
}

async function readFileFacts(
  item: CopyItem,
  place: ItemPlace,
  { breath, cache, known, unread = false }: FactsOptions,
): Promise<ReadFacts> {
  if (unread) return { facts: { xattrs: xattrsOf(item, place), content: 'unread' }, kept: false };
  if (known?.plain === true) return { facts: { xattrs: noXattrs, content: known.content }, kept: true };
  const began = cache === undefined ? 0 : fileClock();
  const xattrs = xattrsOf(item, place);
  if (known !== undefined) return { facts: { xattrs, content: known.content }, kept: true };
  const plain = xattrs.length === 0;
  let kept = false;
  const content = await contentDigestOf(place.root, item, {
    breath,
    seen(content, { fd, stat }) {
      kept = cache?.add(item.stat, { fd, stat, began, content, plain }) === true;
    },
  });
  return { facts: { xattrs, content }, kept };
}

export const noXattrs: ItemFacts['xattrs'] = [];

function xattrsOf(item: CopyItem, { folder, name }: Place): ItemFacts['xattrs'] {
  return unlessGone(item, () => keptXattrs(folder, name));
}
