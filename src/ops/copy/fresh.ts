import type { ByteString } from '../../core/index.ts';
import { isReservedLayerName } from '../../tar/index.ts';
import { makeDestination, ownerOfCopies, targetOf, type CopySource, type CopyTarget } from './carry-out.ts';
import { childOf, parentOf, resolveDestination, type Destination, type Owner } from './destination.ts';
import type { ModeChange } from './mode.ts';
import type { ItemFacts } from './facts.ts';
import { largeSize } from './read.ts';
import type { Selection } from './selection.ts';
import type { CopyItem } from './walk.ts';

/** A copy of one folder's contents, all of whose names are new where they go, or of one large file. */
export interface FreshCopy {
  readonly source: CopySource;
  readonly matched: Selection['matches'][number];
  /** A folder, which the upper directory has by now. */
  readonly destination: Destination;
  /** Absolute: what the file becomes, where it is one; in the folder. */
  readonly file?: ByteString | undefined;
  /** Undefined where each item keeps its own. */
  readonly owner: Owner | undefined;
  readonly mode: ModeChange;
}

/**
 * Whether all that is copied adds names to the merged tree, and nothing else: then the upper directory can be written to
 * by itself, and the layer is known without a comparison. Prepares the destination, but only then; undefined where that
 * is not so, or not so for certain.
 */
export function prepareFresh(target: CopyTarget, sources: readonly CopySource[]): FreshCopy | undefined {
  const [source, ...others] = sources;
  if (source === undefined || others.length > 0) return undefined;
  const [matched, ...more] = source.selection.matches;
  if (matched === undefined || more.length > 0) return undefined;
  if (matched.match.stat.type === 'file') return prepareFreshFile(target, source, matched);
  // Of nothing there is nothing to gain.
  if (matched.match.stat.type !== 'directory' || matched.items.length === 0) return undefined;
  if (!matched.items.every((item) => isPlain(item, source.facts.get(item)))) return undefined;
  const { root } = target;
  const destination = resolveDestination(root, target.destination, source.selection);
  if (hasReservedName(destination.path)) return undefined;
  const existing = root.tryLstat(destination.path);
  if (existing !== undefined && !areNew(target, destination, matched.items)) return undefined;
  makeDestination(target, destination);
  // Copies the folder up, and those above it, with all that they have in the parents.
  const { mtime, mtimeNanos } = matched.match.stat;
  root.setTimes(destination.path, { seconds: mtime, nanos: mtimeNanos });
  return { source, matched, destination, owner: ownerOfCopies(target, source), mode: target.mode };
}

function prepareFreshFile(
  target: CopyTarget,
  source: CopySource,
  matched: FreshCopy['matched'],
): FreshCopy | undefined {
  const [item] = matched.items;
  // A small one is read three times sooner than all this is found out; an archive may be unpacked.
  if (item?.below !== '' || item.stat.size <= largeSize || source.unpack) return undefined;
  // What is taken as it comes may grow and shrink meanwhile.
  if (source.facts.get(item)?.content === 'unread') return undefined;
  const { root } = target;
  const destination = resolveDestination(root, target.destination, source.selection);
  const file = targetOf(destination, matched.match.path, item);
  if (hasReservedName(file) || !isPlain(item, source.facts.get(item))) return undefined;
  if (root.tryLstat(file) !== undefined) return undefined;
  makeDestination(target, destination);
  const folder = parentOf(file);
  // Copies the folder up, and those above it.
  const { mtime, mtimeNanos } = root.lstat(folder);
  root.setTimes(folder, { seconds: mtime, nanos: mtimeNanos });
  return {
    ...{ source, matched, file },
    destination: { path: folder, folder: true },
    owner: ownerOfCopies(target, source),
    mode: target.mode,
  };
}

/** Not what an upper directory would take for a mark of its own. */
export function isPlain({ below, stat }: CopyItem, facts: ItemFacts | undefined): boolean {
  if (facts === undefined || isReservedLayerName(nameOf(below))) return false;
  switch (stat.type) {
    case 'file':
      return facts.content !== undefined;
    case 'symlink':
      return facts.link !== undefined;
    case 'directory':
    case 'fifo':
      return true;
    case 'block':
    case 'char':
      return stat.major !== 0 || stat.minor !== 0;
    case 'socket':
      return false;
  }
}

/** The comparison says what is wrong with it: in a layer it would remove what it does not name. */
function hasReservedName(path: ByteString): boolean {
  return path.split('/').some((name) => isReservedLayerName(name as ByteString));
}

function areNew({ root }: CopyTarget, { path }: Destination, items: readonly CopyItem[]): boolean {
  return items.every(({ below }) => below.includes('/') || root.tryLstat(childOf(path, below)) === undefined);
}

function nameOf(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf('/') + 1) as ByteString;
}
