import type { ByteString } from '../core/index.ts';
import { blockSize, encodeHeader, maxOctal12, maxOctal8, nameBytes, prefixBytes } from './header.ts';
import type { RawHeader } from './header.ts';
import { encodePaxRecords, encodePaxTime, xattrKey } from './pax.ts';
import type { PaxRecord } from './pax.ts';
import type { TarEntryType, TarHeader } from './types.ts';

/**
 * Takes the archive's bytes in order. A chunk is the sink's to keep, unless it came from `data` or `entries`: then until its
 * promise settles.
 */
export type TarSink = (chunk: Uint8Array) => void | Promise<void>;

/**
 * Writes one archive. Each call must have settled before the next. What is awaited is the sink only: a sink that
 * returns nothing makes every call synchronous. A body that is shorter or longer than its header said throws.
 */
export interface TarWriter<Done = void | Promise<void>> {
  entry(header: TarHeader): Done;
  data(chunk: Uint8Array): Done;
  /** Whole entries, as a writer wrote them before. */
  entries(bytes: Uint8Array): Done;
  /** Bytes written up to now, the padding of the last body included. */
  readonly size: number;
  /** The end mark: two zero blocks, no padding to a tape record. */
  finish(): Done;
}

const flags: Readonly<Record<TarEntryType, string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};

/** Pieces up to this size are gathered; larger ones go to the sink as they are. */
const gatherBytes = 256 * 1024;
const passThroughBytes = 32 * 1024;

export function createTarWriter(sink: (chunk: Uint8Array) => undefined): TarWriter<undefined>;
export function createTarWriter(sink: TarSink): TarWriter;
export function createTarWriter(sink: TarSink): TarWriter {
  let gathered = Buffer.allocUnsafeSlow(gatherBytes);
  let given = 0;
  let used = 0;
  let bodyLeft = 0;
  let padding = 0;
  let size = 0;

  function flush(): void | Promise<void> {
    if (used === given) return;
    const chunk = gathered.subarray(given, used);
    given = used;
    // The rest is good for what comes next: the header of a large file alone is no reason for another.
    if (gatherBytes - used < passThroughBytes) {
      gathered = Buffer.allocUnsafeSlow(gatherBytes);
      given = used = 0;
    }
    return sink(chunk);
  }

  function write(piece: Uint8Array): void | Promise<void> {
    size += piece.length;
    return push(piece);
  }

  function push(piece: Uint8Array): void | Promise<void> {
    if (used + piece.length <= gatherBytes && piece.length < passThroughBytes) {
      gathered.set(piece, used);
      used += piece.length;
      return;
    }
    return after(flush(), () => (piece.length < passThroughBytes ? push(piece) : sink(piece)));
  }

  function pad(): void | Promise<void> {
    if (bodyLeft > 0 || padding === 0) return;
    const zeros = Buffer.alloc(padding);
    padding = 0;
    return write(zeros);
  }

  function expectBodyDone(): void {
    if (bodyLeft > 0) throw new Error(`the tar entry's body lacks ${bodyLeft} bytes`);
  }

  return {
    entry(header) {
      expectBodyDone();
      bodyLeft = header.size;
      padding = (blockSize - (header.size % blockSize)) % blockSize;
      return write(encodeEntryHeader(header));
    },
    data(chunk) {
      if (chunk.length > bodyLeft) throw new Error('the tar entry has more bytes than its header said');
      bodyLeft -= chunk.length;
      return after(write(chunk), pad);
    },
    entries(bytes) {
      expectBodyDone();
      return write(bytes);
    },
    get size() {
      return size;
    },
    finish() {
      expectBodyDone();
      return after(write(Buffer.alloc(2 * blockSize)), flush);
    },
  };
}

function after(first: void | Promise<void>, then: () => void | Promise<void>): void | Promise<void> {
  return first === undefined ? then() : first.then(then);
}

/**
 * The header blocks of an entry: one ustar block, before it a PAX extended header when something does not fit.
 *
 * The same entry always gives the same bytes: no names of users, no access or change times, records sorted.
 * A path of more than 100 bytes is split into ustar's prefix where it can be. Names that are not ASCII stay raw bytes
 * in the ustar fields: PAX wants UTF-8, which a name need not be, and GNU tar would recode a PAX path to its locale.
 */
export function encodeEntryHeader(header: TarHeader): Buffer {
  check(header);
  const records: PaxRecord[] = [];
  const path = (
    header.type === 'directory' ? `${header.path === '' ? '.' : header.path}/` : header.path
  ) as ByteString;
  const link = header.link ?? ('' as ByteString);
  const split = splitPath(path);
  if (split === undefined) records.push(['path', path]);
  if (link.length > nameBytes) records.push(['linkpath', link]);
  if (header.uid > maxOctal8) records.push(['uid', String(header.uid) as ByteString]);
  if (header.gid > maxOctal8) records.push(['gid', String(header.gid) as ByteString]);
  if (header.size > maxOctal12) records.push(['size', String(header.size) as ByteString]);
  const nanos = header.mtimeNanos ?? 0;
  const plainTime = nanos === 0 && header.mtime >= 0 && header.mtime <= maxOctal12;
  if (!plainTime) records.push(['mtime', encodePaxTime(header.mtime, nanos)]);
  for (const [name, value] of header.xattrs) records.push([xattrKey(name), value]);

  const main = encodeHeader({
    flag: flags[header.type],
    name: split?.name ?? cut(path),
    prefix: split?.prefix ?? ('' as ByteString),
    mode: header.mode,
    uid: header.uid > maxOctal8 ? 0 : header.uid,
    gid: header.gid > maxOctal8 ? 0 : header.gid,
    size: header.size > maxOctal12 ? 0 : header.size,
    mtime: plainTime ? header.mtime : Math.min(Math.max(header.mtime, 0), maxOctal12),
    link: cut(link),
    major: header.device?.major ?? 0,
    minor: header.device?.minor ?? 0,
  });
  return records.length === 0 ? main : Buffer.concat([encodeExtendedHeader(records, path), main]);
}

function check(header: TarHeader): void {
  // A NUL would end the name early and give the entry another path than it was packed for.
  if (header.path.includes('\0') || header.link?.includes('\0') === true)
    throw new Error('NUL in a tar path');
  if (header.path === '' && header.type !== 'directory') throw new Error('a tar entry without a path');
  if (header.size !== 0 && header.type !== 'file') throw new Error(`a ${header.type} has no body in a tar`);
  if ((header.type === 'symlink' || header.type === 'hardlink') && !header.link)
    throw new Error('a link without target');
}

/** Name and prefix of a path; undefined when no `/` stands where both parts fit. */
function splitPath(path: ByteString): { readonly name: ByteString; readonly prefix: ByteString } | undefined {
  if (path.length <= nameBytes) return { name: path, prefix: '' as ByteString };
  if (path.length > nameBytes + 1 + prefixBytes) return undefined;
  // The rightmost slash that leaves a name, as the Go and GNU writers choose: a directory's own last slash is none.
  const slash = path.lastIndexOf('/', Math.min(prefixBytes, path.length - 2));
  const nameLength = path.length - slash - 1;
  if (slash <= 0 || nameLength > nameBytes) return undefined;
  return { name: path.slice(slash + 1) as ByteString, prefix: path.slice(0, slash) as ByteString };
}

function cut(text: ByteString): ByteString {
  return text.slice(0, nameBytes) as ByteString;
}

/** The header of type `x` with its records. Readers without PAX see a file of this name, so it is kept telling. */
function encodeExtendedHeader(records: readonly PaxRecord[], path: ByteString): Buffer {
  const body = encodePaxRecords(records);
  const base = path.replace(/\/+$/, '').replace(/^.*\//s, '');
  const zero: Omit<RawHeader, 'flag' | 'name' | 'size'> = {
    prefix: '' as ByteString,
    mode: 0,
    uid: 0,
    gid: 0,
    mtime: 0,
    link: '' as ByteString,
    major: 0,
    minor: 0,
  };
  const header = encodeHeader({
    ...zero,
    flag: 'x',
    name: cut(`PaxHeaders.0/${base}` as ByteString),
    size: body.length,
  });
  return Buffer.concat([header, body, Buffer.alloc((blockSize - (body.length % blockSize)) % blockSize)]);
}
