import { toText, TsbuildError, type ByteString } from '../core/index.ts';
import type { FileStat, RootDir } from '../sys/index.ts';
import { isLayerXattr } from './layer-xattrs.ts';
import type { Entry } from './types.ts';

export type Xattrs = readonly (readonly [name: ByteString, value: ByteString])[];

/** The xattrs of a file that a layer carries (design decision 5), sorted by name; the last component is not followed. */
export function keptXattrs(root: RootDir, path: ByteString): Xattrs {
  return pickXattrs(root, path, root.listXattrs(path));
}

/** As `keptXattrs`, of names already listed. Throws NAME_RESERVED for a name that no PAX record can hold. */
export function pickXattrs(root: RootDir, path: ByteString, names: readonly ByteString[]): Xattrs {
  if (names.length === 0) return [];
  return names.filter(isLayerXattr).flatMap((name) => {
    if (name.includes('=')) throw unwritable(name);
    const value = root.getXattr(path, name);
    return value === undefined ? [] : [[name, value] as const];
  });
}

function unwritable(name: ByteString): TsbuildError {
  return new TsbuildError(
    'NAME_RESERVED',
    `the extended attribute ${JSON.stringify(toText(name))} has a "=" in its name, which image layers cannot hold`,
    { hint: 'remove the attribute in the step that sets it' },
  );
}

/** What a layer says of a file; undefined for a socket, which none can carry. */
export function entryOf(
  root: RootDir,
  path: ByteString,
  { stat, xattrs }: { readonly stat: FileStat; readonly xattrs: Xattrs },
): Entry | undefined {
  const { type, mode, uid, gid, mtime, major, minor } = stat;
  const common = { mode, uid, gid, mtime, size: 0, xattrs };
  switch (type) {
    case 'file':
      return { ...common, type, size: stat.size };
    case 'symlink':
      return { ...common, type, link: root.readlink(path) };
    case 'char':
    case 'block':
      return { ...common, type, device: { major, minor } };
    case 'directory':
    case 'fifo':
      return { ...common, type };
    case 'socket':
      return undefined;
  }
}

/** Equal in all that a layer carries but the content of files. */
export function sameAttributes(a: Entry, b: Entry): boolean {
  return (
    a.type === b.type &&
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.mtime === b.mtime &&
    a.size === b.size &&
    a.link === b.link &&
    a.device?.major === b.device?.major &&
    a.device?.minor === b.device?.minor &&
    sameXattrs(a.xattrs, b.xattrs)
  );
}

export function sameXattrs(a: Xattrs, b: Xattrs): boolean {
  return a.length === b.length && a.every(([name, value], i) => b[i]?.[0] === name && b[i][1] === value);
}
