import type { ByteString } from '../../core/index.ts';
import { entryOf, keptXattrs, type Entry } from '../../snapshot/index.ts';
import type { RootDir } from '../../sys/index.ts';
import { ownerOf, type Transfer } from './transfer.ts';
import type { CopyItem } from './walk.ts';

/** As a comparison of the copied file would have it. */
export function entryOfItem(transfer: Pick<Transfer, 'owner' | 'mode' | 'digests'>, item: CopyItem): Entry {
  const { stat } = item;
  const { type, mtime, major, minor } = stat;
  const { link, xattrs = [] } = transfer.digests.facts.get(item) ?? {};
  const owner = ownerOf(transfer, item);
  const common = { mtime, size: 0, ...owner };
  const mode = transfer.mode(stat.mode, type === 'directory');
  switch (type) {
    case 'symlink':
      return { ...common, type, mode: stat.mode, link, xattrs: [] };
    case 'char':
    case 'block':
      return { ...common, type, mode, device: { major, minor }, xattrs };
    case 'file':
      return { ...common, type, mode, size: stat.size, xattrs };
    case 'directory':
    case 'fifo':
      return { ...common, type, mode, xattrs };
    case 'socket':
      throw new Error('a socket has no entry');
  }
}

/** A folder and those above it but the root, as they are in a tree: what a layer says of them. */
export function foldersTo(root: RootDir, folder: ByteString): readonly (readonly [ByteString, Entry])[] {
  const found: (readonly [ByteString, Entry])[] = [];
  let path = '' as ByteString;
  for (const name of folder.split('/') as ByteString[]) {
    if (name === '') continue;
    path = (path === '' ? name : `${path}/${name}`) as ByteString;
    const entry = entryOf(root, path, { stat: root.lstat(path), xattrs: keptXattrs(root, path) });
    if (entry !== undefined) found.push([path, entry]);
  }
  return found;
}

/** Of an absolute path: below the root. */
export function pathOf(target: ByteString): ByteString {
  return target.slice(1) as ByteString;
}
