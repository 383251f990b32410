import { compareBytes, TsbuildError, toText, type ByteString } from '../core/index.ts';
import type { RawHeader } from './header.ts';
import { parsePaxNumber, parsePaxTime, xattrName } from './pax.ts';
import type { TarEntryType, TarHeader, TarLimits } from './types.ts';

/** What stood before an entry's own header. */
export interface ExtendedHeaders {
  readonly pax?: ReadonlyMap<string, ByteString>;
  /** GNU `L` and `K`. */
  readonly longName?: ByteString;
  readonly longLink?: ByteString;
}

const typeOfFlag: Readonly<Record<string, TarEntryType>> = {
  '0': 'file',
  '\0': 'file',
  // "Contiguous" files are files everywhere (POSIX pax).
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};

/** Linux device numbers: 12 bits and 20 bits. */
const maxMajor = 0xfff;
const maxMinor = 0xfffff;

/** (uid_t) -1 tells chown to leave the owner alone: as an id it would give a file to whoever unpacks. */
const maxId = 0xfffffffe;

/** An entry as its header and the extended headers before it say together. Throws ARCHIVE_INVALID, ARCHIVE_LIMIT. */
export function interpretHeader(raw: RawHeader, extended: ExtendedHeaders, limits: TarLimits): TarHeader {
  const pax = extended.pax;
  const fullPath = fullPathOf(raw, extended);
  checkPath(fullPath, limits);
  refuseSparse(raw, pax, fullPath);
  const size = statedSize(raw, extended);
  if (size < 0) throw invalid(fullPath, 'a negative size');
  if (size > limits.bytes) {
    throw new TsbuildError(
      'ARCHIVE_LIMIT',
      `${quote(fullPath)} in the archive has more than ${limits.bytes} bytes`,
    );
  }
  const type = typeOf(raw, fullPath, size);
  const time = timeOf(raw, pax);
  return {
    type,
    path: withoutTrailingSlashes(fullPath),
    // Some writers put the file type's bits there too.
    mode: raw.mode & 0o7777,
    uid: checkId(fullPath, numberOf(pax, 'uid') ?? raw.uid),
    gid: checkId(fullPath, numberOf(pax, 'gid') ?? raw.gid),
    mtime: time.seconds,
    mtimeNanos: time.nanos,
    // Old writers leave the size of a directory or of a hard link's file, without a body; Go's reader ignores it as well.
    size: type === 'file' ? size : 0,
    link: type === 'hardlink' || type === 'symlink' ? linkOf(raw, extended, limits) : undefined,
    device: type === 'char' || type === 'block' ? deviceOf(raw, fullPath) : undefined,
    xattrs: pax === undefined ? [] : xattrsOf(pax, fullPath),
  };
}

/** With its trailing slashes. */
export function fullPathOf(raw: RawHeader, { pax, longName }: ExtendedHeaders): ByteString {
  return chooseText({
    pax: pax?.get('path'),
    gnu: longName,
    own: raw.prefix === '' ? raw.name : (`${raw.prefix}/${raw.name}` as ByteString),
  });
}

/** Also of an entry that has no body. */
export function statedSize(raw: RawHeader, { pax }: ExtendedHeaders): number {
  return numberOf(pax, 'size') ?? raw.size;
}

/** GNU long names win over PAX in Go, PAX wins in GNU tar: two readers, two files, unless both say the same. */
function chooseText(from: {
  readonly pax: ByteString | undefined;
  readonly gnu: ByteString | undefined;
  readonly own: ByteString;
}): ByteString {
  // An empty value takes a record back (POSIX pax).
  const pax = from.pax === '' ? undefined : from.pax;
  if (pax !== undefined && from.gnu !== undefined && pax !== from.gnu) {
    throw invalid(pax, 'a PAX name and another GNU long name');
  }
  return pax ?? from.gnu ?? from.own;
}

function checkPath(path: ByteString, limits: TarLimits): void {
  if (path === '') throw new TsbuildError('ARCHIVE_INVALID', 'an entry of the archive has no name');
  if (path.includes('\0')) throw invalid(path, 'a NUL in its name');
  if (path.length > limits.path) {
    throw new TsbuildError(
      'ARCHIVE_LIMIT',
      `a path in the archive has ${path.length} bytes, more than ${limits.path}`,
    );
  }
  // Counted only where it can matter: a path of n bytes has no more than n components.
  if (path.length > limits.depth && path.split('/').length > limits.depth) {
    throw new TsbuildError('ARCHIVE_LIMIT', `a path in the archive is nested deeper than ${limits.depth}`);
  }
}

function refuseSparse(
  raw: RawHeader,
  pax: ReadonlyMap<string, ByteString> | undefined,
  path: ByteString,
): void {
  const marked = pax !== undefined && [...pax.keys()].some((key) => key.startsWith('GNU.sparse.'));
  if (raw.flag !== 'S' && !marked) return;
  throw new TsbuildError(
    'ARCHIVE_INVALID',
    `${quote(path)} is stored as a sparse file, which is not supported`,
    {
      hint: 'create the archive without --sparse (-S)',
    },
  );
}

function typeOf(raw: RawHeader, path: ByteString, size: number): TarEntryType {
  const type = Object.hasOwn(typeOfFlag, raw.flag) ? typeOfFlag[raw.flag] : undefined;
  if (type === undefined) throw invalid(path, `the unknown type ${JSON.stringify(raw.flag)}`);
  if (type !== 'file' || !path.endsWith('/')) return type;
  // v7 had no directories but by this slash. With a body, one reader sees a file and the next skips it.
  if (size > 0) throw invalid(path, "a directory's name and a file's body");
  return 'directory';
}

function timeOf(
  raw: RawHeader,
  pax: ReadonlyMap<string, ByteString> | undefined,
): { readonly seconds: number; readonly nanos: number } {
  const text = pax?.get('mtime') ?? '';
  return text === '' ? { seconds: raw.mtime, nanos: 0 } : parsePaxTime(text);
}

function numberOf(pax: ReadonlyMap<string, ByteString> | undefined, key: string): number | undefined {
  const text = pax?.get(key) ?? '';
  return text === '' ? undefined : parsePaxNumber(text);
}

function checkId(path: ByteString, id: number): number {
  if (id < 0 || id > maxId) throw invalid(path, `the owner or group id ${id}`);
  return id;
}

function linkOf(raw: RawHeader, extended: ExtendedHeaders, limits: TarLimits): ByteString {
  const link = chooseText({ pax: extended.pax?.get('linkpath'), gnu: extended.longLink, own: raw.link });
  if (link === '' || link.includes('\0')) throw invalid(raw.name, 'an empty or broken link target');
  if (link.length > limits.path) {
    throw new TsbuildError(
      'ARCHIVE_LIMIT',
      `a link in the archive has ${link.length} bytes, more than ${limits.path}`,
    );
  }
  return link;
}

function deviceOf(raw: RawHeader, path: ByteString): { readonly major: number; readonly minor: number } {
  const { major, minor } = raw;
  if (major < 0 || major > maxMajor || minor < 0 || minor > maxMinor) {
    throw invalid(path, `the device number ${major}:${minor}`);
  }
  return { major, minor };
}

function xattrsOf(pax: ReadonlyMap<string, ByteString>, path: ByteString): TarHeader['xattrs'] {
  const xattrs: (readonly [ByteString, ByteString])[] = [];
  for (const [key, value] of pax) {
    const name = xattrName(key);
    if (name === undefined) continue;
    if (name === '' || name.includes('\0')) throw invalid(path, 'an xattr without a usable name');
    xattrs.push([name, value]);
  }
  return xattrs.sort((a, b) => compareBytes(a[0], b[0]));
}

function withoutTrailingSlashes(path: ByteString): ByteString {
  let end = path.length;
  while (end > 0 && path.charCodeAt(end - 1) === 0x2f) end--;
  return path.slice(0, end) as ByteString;
}

function quote(path: ByteString): string {
  return JSON.stringify(toText(path).slice(0, 200));
}

function invalid(path: ByteString, what: string): TsbuildError {
  return new TsbuildError('ARCHIVE_INVALID', `${quote(path)} in the archive has ${what}`);
}
