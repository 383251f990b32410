import { crc32 } from 'node:zlib';

import { createDigester, fromText, type Digester } from '../core/index.ts';
import { deflatePiece, deflateRoom } from '../sys/index.ts';
import { encodeEntryHeader, PieceMemory, sideBySide, type TarHeader } from '../tar/index.ts';
import { annotationNames } from './annotations.ts';
import { Members } from './members.ts';
import { blockSize, paddingOf, tarParts, type TarPart } from './parts.ts';
import { PieceFiller, type Piece } from './pieces.ts';
import type { Pile } from './pile.ts';
import { Table } from './table.ts';
import type { SeekableFacts, SeekableLayer } from './types.ts';

const tocName = 'stargz.index.json';
const noPrefetch = '.no.prefetch.landmark';
/** What is the format's own is made anew when a layer is packed a second time. */
const reserved: readonly string[] = [tocName, noPrefetch, '.prefetch.landmark'];

const pieces = { size: 2 ** 20, overlap: 32 * 1024 };
const chunkSize = 4 * 2 ** 20;
const tarEnd = Buffer.alloc(2 * blockSize);

/**
 * An eStargz layer (stargz-snapshotter, docs/estargz.md): a gzip member for every 4 MiB of every file, a landmark that
 * says that nothing is to be fetched beforehand, the table of contents as the last file, and a footer that tells where
 * that is. Deterministic as `compress` is.
 */
export function packEstargz(source: AsyncIterable<Uint8Array>, level = 2): SeekableLayer {
  const unpacked = { digester: createDigester(), size: 0 };
  let annotations: SeekableFacts['annotations'] = {};
  const bytes = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    const table = new Table('estargz');
    const gzip = new GzipMembers(level);
    let at = 0;
    for await (const { packed, placed } of sideBySide(
      contentPieces(source, table, { gzip, unpacked }),
      gzip.pack,
    )) {
      for (const tell of placed) tell(at, at + packed.length);
      at += packed.length;
      table.settle();
      yield packed;
    }
    if (table.isLost) return;
    const toc = table.finish('');
    const { size, digest } = toc.finish();
    const file = tocPieces(toc, size, { gzip, unpacked });
    for await (const { packed } of sideBySide(file, gzip.pack)) yield packed;
    yield footer(at);
    annotations = {
      [annotationNames.estargzToc]: digest,
      [annotationNames.estargzSize]: String(unpacked.size),
    };
  };
  return {
    bytes: bytes(),
    facts: () => ({ annotations, diffId: unpacked.digester.digest() }),
  };
}

interface Making {
  readonly gzip: GzipMembers;
  /** The tar that the layer unpacks to. */
  readonly unpacked: { readonly digester: Digester; size: number };
}

async function* contentPieces(
  source: AsyncIterable<Uint8Array>,
  table: Table,
  { gzip, unpacked }: Making,
): AsyncGenerator<Piece, void, undefined> {
  const filler = new PieceFiller(gzip.memory, pieces);
  const members = new Members({ filler, table, chunkSize, endsWithBody: false });
  for await (const part of framed(tarParts(source))) {
    measure(part, unpacked);
    yield* members.part(part);
  }
  if (table.isLost) {
    add(unpacked, tarEnd);
    yield* filler.add(tarEnd);
  }
  yield* filler.cut();
}

/** With the landmark before all entries, and without what is the format's own. The end mark comes after the table. */
async function* framed(parts: AsyncIterable<TarPart>): AsyncGenerator<TarPart, void, undefined> {
  const landmark = Buffer.of(0xf);
  const header = fileHeader(noPrefetch, landmark.length);
  const wording = {
    name: header.path,
    mode: header.mode,
    size: header.size,
    pax: new Map(),
    isAfterGlobal: false,
  };
  const none = Buffer.alloc(0);
  yield { kind: 'entry', padding: none, head: encodeEntryHeader(header), header, wording };
  yield { kind: 'body', bytes: landmark };
  let padding: Uint8Array = Buffer.alloc(paddingOf(landmark.length));
  let isLeftOut = false;
  for await (const part of parts) {
    if (part.kind === 'body') {
      if (!isLeftOut) yield part;
      continue;
    }
    const before = padding;
    if (part.kind === 'end') {
      // Not every tar has all of the padding of its last body.
      yield { kind: 'end', padding: before, rest: none };
      return;
    }
    isLeftOut = reserved.includes(part.header.path.replace(/^(\.?\/)+/, ''));
    if (isLeftOut) continue;
    padding = Buffer.alloc(paddingOf(part.header.size));
    yield { ...part, padding: before };
  }
}

function measure(part: TarPart, unpacked: Making['unpacked']): void {
  if (part.kind === 'body') {
    add(unpacked, part.bytes);
    return;
  }
  add(unpacked, part.padding);
  add(unpacked, part.kind === 'entry' ? part.head : part.rest);
}

function add(unpacked: Making['unpacked'], bytes: Uint8Array): void {
  unpacked.digester.update(bytes);
  unpacked.size += bytes.length;
}

/** The table as the last entry of the tar, in a member of its own with the tar's end mark. */
function* tocPieces(toc: Pile, size: number, { gzip, unpacked }: Making): Generator<Piece, void, undefined> {
  const filler = new PieceFiller(gzip.memory, pieces);
  const head = encodeEntryHeader(fileHeader(tocName, size));
  const parts = [head, ...toc.sheets(), Buffer.alloc(paddingOf(size)), tarEnd];
  for (const part of parts) {
    add(unpacked, part);
    yield* filler.add(part);
  }
  yield* filler.cut();
}

function fileHeader(name: string, size: number): TarHeader {
  return { type: 'file', path: fromText(name), mode: 0o644, uid: 0, gid: 0, mtime: 0, size, xattrs: [] };
}

/** An empty member of 51 bytes whose extra field says where the table is. */
function footer(tocAt: number): Uint8Array {
  const extra = Buffer.from(`SG\x16\0${tocAt.toString(16).padStart(16, '0')}STARGZ`, 'latin1');
  const head = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, extra.length, 0]);
  const emptyBlock = Buffer.from([1, 0, 0, 0xff, 0xff]);
  return Buffer.concat([head, extra, emptyBlock, Buffer.alloc(8)]);
}

interface PackedPiece {
  readonly packed: Uint8Array;
  readonly placed: Piece['placed'];
}

/** Packs pieces to gzip members, of which each begins and ends where its first and last piece do. */
class GzipMembers {
  readonly memory = new PieceMemory(pieces.overlap + pieces.size);
  readonly #rooms = new PieceMemory(deflateRoom(pieces.size));
  readonly #level: number;
  #checksum = 0;
  #size = 0;

  constructor(level: number) {
    this.#level = level;
  }

  readonly pack = async ({ bytes, known, begins, ends, placed }: Piece): Promise<PackedPiece> => {
    const plain = bytes.subarray(known);
    this.#checksum = crc32(plain, begins ? 0 : this.#checksum);
    this.#size = plain.length + (begins ? 0 : this.#size);
    const head = begins ? [memberHead] : [];
    const tail = ends ? [memberTail(this.#checksum, this.#size)] : [];
    const room = this.#rooms.take();
    const length = await deflatePiece(room, { bytes, known, level: this.#level });
    this.memory.giveBack(bytes);
    const packed = Buffer.concat([...head, room.subarray(0, length), ...tail]);
    this.#rooms.giveBack(room);
    return { packed, placed };
  };
}

/** Deflate, no flags, no time, no extra flags, made on Unix (RFC 1952, 2.3). */
const memberHead = Buffer.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3);

/** An empty final block, since every piece ends open; checksum and size. */
function memberTail(checksum: number, size: number): Uint8Array {
  const tail = Buffer.alloc(10);
  tail.writeUInt16LE(0x0003, 0);
  tail.writeUInt32LE(checksum, 2);
  tail.writeUInt32LE(size % 2 ** 32, 6);
  return tail;
}
