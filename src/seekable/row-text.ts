import { toText, type ByteString } from '../core/index.ts';
import type { TarEntryType, TarHeader } from '../tar/index.ts';
import type { Chunk, Row } from './table.ts';
import type { SeekableKind } from './types.ts';

const typeNames: Readonly<Record<TarEntryType, string>> = {
  file: 'reg',
  directory: 'dir',
  symlink: 'symlink',
  hardlink: 'hardlink',
  char: 'char',
  block: 'block',
  fifo: 'fifo',
};

/** The row as JSON: one object for the entry, and one for each further chunk of it. */
export function rowText(row: Row, kind: SeekableKind): string {
  const { entry, chunks, digest } = row;
  const { header, wording } = entry;
  const name = toText(wording.name);
  const [first, ...others] = chunks;
  const main = {
    type: typeNames[header.type],
    name,
    linkName: header.link === undefined ? undefined : toText(header.link),
    mode: header.mode,
    size: unlessZero(header.size),
    uid: header.uid,
    gid: header.gid,
    modtime: kind === 'estargz' && isEpoch(header) ? undefined : timeOf(header),
    devMajor: header.device?.major,
    devMinor: header.device?.minor,
    xattrs: xattrsOf(wording.pax),
    digest,
    ...(first === undefined ? {} : placeOf(first, row, kind)),
    endOffset: kind === 'estargz' ? undefined : row.end,
  };
  const parts = others.map((chunk) => ({ type: 'chunk', name, ...placeOf(chunk, row, kind) }));
  return [main, ...parts].map((each) => JSON.stringify(each)).join(',');
}

/** eStargz has no size for the last chunk, zstd:chunked nothing but the offset for an only one. */
function placeOf(
  { offset, at, size, digest: chunkDigest }: Chunk,
  { entry, chunks }: Row,
  kind: SeekableKind,
): object {
  const isLast = at + size === entry.header.size;
  const isOnly = chunks.length === 1;
  const chunkOffset = unlessZero(at);
  if (kind === 'estargz') return { offset, chunkOffset, chunkSize: isLast ? undefined : size, chunkDigest };
  return isOnly ? { offset } : { offset, chunkOffset, chunkSize: size, chunkDigest };
}

function unlessZero(number: number): number | undefined {
  return number === 0 ? undefined : number;
}

/** No time at all, to eStargz. */
function isEpoch({ mtime, mtimeNanos = 0 }: TarHeader): boolean {
  return mtime === 0 && mtimeNanos === 0;
}

/** RFC 3339. */
function timeOf({ mtime, mtimeNanos = 0 }: TarHeader): string {
  const seconds = new Date(mtime * 1000).toISOString().slice(0, -5);
  const fraction = mtimeNanos === 0 ? '' : `.${String(mtimeNanos).padStart(9, '0')}`;
  return `${seconds}${fraction}Z`;
}

const xattrPrefix = 'SCHILY.xattr.';

/** By the names that the records have, which readers do not decode. */
function xattrsOf(pax: ReadonlyMap<string, ByteString>): Readonly<Record<string, string>> | undefined {
  const found = [...pax].filter(([key]) => key.startsWith(xattrPrefix));
  if (found.length === 0) return undefined;
  return Object.fromEntries(
    found.map(([key, value]) => [
      toText(key.slice(xattrPrefix.length) as ByteString),
      Buffer.from(value, 'latin1').toString('base64'),
    ]),
  );
}
