import { createHash } from 'node:crypto';
import { gunzipSync, inflateRawSync, zstdDecompressSync } from 'node:zlib';

/** A line of a table of contents. */
export interface TocEntry {
  readonly name: string;
  readonly type: string;
  readonly linkName?: string;
  readonly mode?: number;
  readonly modtime?: string;
  readonly size?: number;
  readonly xattrs?: Readonly<Record<string, string>>;
  readonly devMajor?: number;
  readonly devMinor?: number;
  readonly digest?: string;
  readonly offset?: number;
  readonly endOffset?: number;
  readonly chunkOffset?: number;
  readonly chunkSize?: number;
  readonly chunkDigest?: string;
}

export interface ReadLayer {
  readonly entries: readonly TocEntry[];
  /** Each file fetched alone, by its name. */
  readonly files: ReadonlyMap<string, Buffer>;
}

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

type Annotations = Readonly<Record<string, string>>;

/** Reads an eStargz layer as its specification says, from the footer on; every check of it is made. */
export function readEstargz(blob: Buffer, annotations: Annotations): ReadLayer {
  const footer = blob.subarray(-51);
  if (footer.subarray(0, 4).toString('hex') !== '1f8b0804') throw new Error('no gzip footer');
  if (footer.readUInt16LE(10) !== 26) throw new Error('the extra field of the footer is not 26 bytes');
  const extra = /^SG\x16\0([0-9a-f]{16})STARGZ$/.exec(footer.toString('latin1', 12, 38));
  if (extra === null) throw new Error('the footer has no mark');
  if (inflateRawSync(footer.subarray(38)).length !== 0) throw new Error('the footer is not empty');
  const tocAt = Number.parseInt(extra[1] ?? '', 16);
  const tar = gunzipSync(blob.subarray(tocAt, -51));
  if (tar.toString('latin1', 0, 18) !== 'stargz.index.json\0')
    throw new Error('no table where the footer says');
  const size = Number.parseInt(tar.toString('latin1', 124, 135), 8);
  const toc = tar.subarray(512, 512 + size);
  if (sha256(toc) !== annotations['containerd.io/snapshot/stargz/toc.digest'])
    throw new Error('another table');
  const { version, entries } = JSON.parse(toc.toString('utf8')) as { version: number; entries: TocEntry[] };
  if (version !== 1) throw new Error(`version ${version}`);
  const starts = [...entries.flatMap(({ offset }) => offset ?? []), tocAt];
  const read = (offset: number): Buffer => {
    const end = starts[starts.indexOf(offset) + 1];
    // One member, with what follows the body up to the next.
    return gunzipSync(blob.subarray(offset, end));
  };
  return { entries, files: filesOf(entries, read) };
}

/** Reads a zstd:chunked layer by its annotations, as containers/storage does; the footer must say the same. */
export function readZstdChunked(
  blob: Buffer,
  annotations: Annotations,
): ReadLayer & { readonly tar: Buffer } {
  const prefix = 'io.github.containers.zstd-chunked';
  const numbers = (name: string): number[] => (annotations[`${prefix}.${name}`] ?? '').split(':').map(Number);
  const [tocAt = 0, tocLength = 0, tocSize = 0, type = 0] = numbers('manifest-position');
  const [splitAt = 0, splitLength = 0, splitSize = 0] = numbers('tarsplit-position');
  const footer = blob.subarray(-72);
  if (footer.subarray(0, 8).toString('hex') !== '502a4d1840000000') throw new Error('no footer');
  const said = Array.from({ length: 7 }, (_, at) => Number(footer.readBigUInt64LE(8 + at * 8)));
  const expected = [tocAt, tocLength, tocSize, type, splitAt, splitLength, splitSize];
  if (said.join() !== expected.join() || type !== 1) throw new Error(`the footer says ${said.join()}`);
  if (footer.toString('latin1', 64) !== 'GNUlInUx') throw new Error('no mark');
  const packedToc = blob.subarray(tocAt, tocAt + tocLength);
  if (sha256(packedToc) !== annotations[`${prefix}.manifest-checksum`]) throw new Error('another table');
  const packedSplit = blob.subarray(splitAt, splitAt + splitLength);
  const [toc, split] = [packedToc, packedSplit].map((bytes) => zstdDecompressSync(bytes));
  if (toc?.length !== tocSize || split?.length !== splitSize) throw new Error('other sizes');
  const { version, entries, tarSplitDigest } = JSON.parse(toc.toString('utf8')) as {
    version: number;
    entries: TocEntry[];
    tarSplitDigest: string;
  };
  if (version !== 1 || tarSplitDigest !== sha256(packedSplit)) throw new Error('another tar-split');
  const ends = new Map<number, number>();
  for (const [at, { offset, endOffset }] of entries.entries()) {
    if (offset === undefined) continue;
    const next = entries[at + 1];
    const file = entries.slice(0, at + 1).findLast((each) => each.type === 'reg');
    ends.set(offset, (next?.type === 'chunk' ? next.offset : (endOffset ?? file?.endOffset)) ?? 0);
  }
  const files = filesOf(entries, (offset) => zstdDecompressSync(blob.subarray(offset, ends.get(offset))));
  return { entries, files, tar: assembled(split.toString('utf8'), files) };
}

function filesOf(
  entries: readonly TocEntry[],
  read: (offset: number) => Buffer,
): ReadonlyMap<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const entry of entries) {
    if (entry.type !== 'reg') continue;
    const { size = 0 } = entry;
    const chunks =
      size === 0 ? [] : entries.filter(({ name, type }) => name === entry.name && /reg|chunk/.test(type));
    const pieces = chunks.map(({ offset = Number.NaN, chunkOffset = 0, chunkSize, chunkDigest = '' }) => {
      const piece = read(offset).subarray(0, chunkSize ?? size - chunkOffset);
      if (chunkDigest !== '' && sha256(piece) !== chunkDigest)
        throw new Error(`${entry.name}: a wrong chunk`);
      return piece;
    });
    const content = Buffer.concat(pieces);
    if (content.length !== size) throw new Error(`${entry.name}: ${content.length} of ${size} bytes`);
    if (size > 0 && sha256(content) !== entry.digest) throw new Error(`${entry.name}: a wrong digest`);
    files.set(entry.name, content);
  }
  return files;
}

/** The tar of vbatts/tar-split's lines and the files; their checksums are those of the lines. */
function assembled(lines: string, files: ReadonlyMap<string, Buffer>): Buffer {
  const parts = lines
    .trimEnd()
    .split('\n')
    .map((line, at) => {
      const entry = JSON.parse(line) as {
        type: number;
        name?: string;
        size?: number;
        payload: string | null;
        position: number;
      };
      if (entry.position !== at) throw new Error('lines out of order');
      const payload = Buffer.from(entry.payload ?? '', 'base64');
      if (entry.type === 2) return payload;
      const content = files.get(entry.name ?? '') ?? Buffer.alloc(0);
      if ((entry.size ?? 0) !== content.length) throw new Error(`${entry.name ?? ''}: another size`);
      // Bit by bit a large one takes seconds.
      const isShort = content.length > 0 && content.length < 10_000;
      if (isShort && crc64(content) !== payload.toString('hex'))
        throw new Error(`${entry.name ?? ''}: another checksum`);
      return content;
    });
  return Buffer.concat(parts);
}

/** CRC-64 of ISO 3309 bit by bit, as the standard has it. */
export function crc64(bytes: Uint8Array): string {
  const table = Array.from({ length: 256 }, (_, byte) => {
    let value = BigInt(byte);
    for (let bit = 0; bit < 8; bit++)
      value = (value & 1n) === 1n ? (value >> 1n) ^ 0xd800000000000000n : value >> 1n;
    return value;
  });
  let crc = 0xffffffffffffffffn;
  for (const byte of bytes) crc = (table[Number((crc ^ BigInt(byte)) & 0xffn)] ?? 0n) ^ (crc >> 8n);
  return (crc ^ 0xffffffffffffffffn).toString(16).padStart(16, '0');
}
