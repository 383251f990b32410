import { createZstdCompress, constants } from 'node:zlib';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';

import { digestOf } from '../core/index.ts';
import { FramePacker, PieceMemory, sideBySide } from '../tar/index.ts';
import { annotationNames } from './annotations.ts';
import { Members } from './members.ts';
import { tarParts } from './parts.ts';
import { PieceFiller, type Piece } from './pieces.ts';
import type { Pile } from './pile.ts';
import { Table } from './table.ts';
import { TarSplit } from './tar-split.ts';
import type { SeekableFacts, SeekableLayer } from './types.ts';

const pieces = { size: 2 ** 21, overlap: 0 };

/**
 * A zstd:chunked layer (containers/storage, pkg/chunked): a frame for every 2 MiB of every file, then, in frames that
 * decompressors skip, the table of contents, what is needed to make the tar again, and a footer with their places. It
 * unpacks to the very tar. Deterministic as `compress` is.
 */
export function packZstdChunked(source: AsyncIterable<Uint8Array>, level = 3): SeekableLayer {
  let annotations: SeekableFacts['annotations'] = {};
  const bytes = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    const table = new Table('zstd:chunked');
    const split = new TarSplit();
    const memory = new PieceMemory(pieces.size);
    const packer = new FramePacker(pieces.size, level);
    let at = 0;
    const content = contentPieces(source, { table, split, memory });
    const packed = sideBySide(content, async (piece) => {
      const frame = await packer.pack(piece.bytes);
      memory.giveBack(piece.bytes);
      return { frame, placed: piece.placed };
    });
    for await (const { frame, placed } of packed) {
      for (const tell of placed) tell(at, at + frame.length);
      at += frame.length;
      table.settle();
      yield frame;
    }
    if (table.isLost) return;
    const tables = await packTables(table, split, level);
    const tocAt = at + frameHead;
    const splitAt = tocAt + tables.toc.packed.length + frameHead;
    yield skippable(tables.toc.packed);
    yield skippable(tables.split.packed);
    const ofToc = [tocAt, tables.toc.packed.length, tables.toc.size];
    const ofSplit = [splitAt, tables.split.packed.length, tables.split.size];
    yield skippable(footer([...ofToc, crfs, ...ofSplit]));
    annotations = {
      [annotationNames.chunkedChecksum]: digestOf(tables.toc.packed),
      [annotationNames.chunkedPosition]: [...ofToc, crfs].join(':'),
      [annotationNames.chunkedTarSplit]: ofSplit.join(':'),
    };
  };
  return { bytes: bytes(), facts: () => ({ annotations }) };
}

async function* contentPieces(
  source: AsyncIterable<Uint8Array>,
  { table, split, memory }: { readonly table: Table; readonly split: TarSplit; readonly memory: PieceMemory },
): AsyncGenerator<Piece, void, undefined> {
  const filler = new PieceFiller(memory, pieces);
  const members = new Members({ filler, table, chunkSize: pieces.size, endsWithBody: true });
  let file: TableEntry | undefined;
  for await (const part of tarParts(source)) {
    yield* members.part(part);
    if (table.isLost) continue;
    if (part.kind === 'body') split.body(part.bytes);
    else {
      if (file !== undefined) split.file(file.name, file.size);
      split.segment(Buffer.concat([part.padding, part.kind === 'entry' ? part.head : part.rest]));
      file = part.kind === 'entry' ? part.wording : undefined;
    }
  }
  yield* filler.cut();
}

type TableEntry =
  Parameters<TarSplit['file']> extends [infer Name, infer Size]
    ? { readonly name: Name; readonly size: Size }
    : never;

interface PackedTable {
  readonly packed: Buffer;
  /** Unpacked. */
  readonly size: number;
}

async function packTables(
  table: Table,
  split: TarSplit,
  level: number,
): Promise<{ readonly toc: PackedTable; readonly split: PackedTable }> {
  const splitPacked = await packPile(split.pile, level);
  const toc = table.finish(`,"tarSplitDigest":"${digestOf(splitPacked.packed)}"`);
  return { toc: await packPile(toc, level), split: splitPacked };
}

async function packPile(pile: Pile, level: number): Promise<PackedTable> {
  const { size } = pile.finish();
  const stream = createZstdCompress({ params: zstdParams(level), pledgedSrcSize: size });
  return { packed: await buffer(Readable.from(pile.sheets()).pipe(stream)), size };
}

function zstdParams(level: number): Record<number, number> {
  return { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 };
}

/** Magic and size of a frame that decompressors skip (RFC 8878, 3.1.2). */
const frameHead = 8;

function skippable(content: Uint8Array): Uint8Array {
  const head = Buffer.alloc(frameHead);
  head.writeUInt32LE(0x184d2a50, 0);
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, content]);
}

/** The one kind of table there is. */
const crfs = 1;

/** Seven numbers and the mark `GNUlInUx`. */
function footer(numbers: readonly number[]): Uint8Array {
  const content = Buffer.alloc(64, 0);
  for (const [index, number] of numbers.entries()) content.writeBigUInt64LE(BigInt(number), index * 8);
  content.write('GNUlInUx', 56, 'latin1');
  return content;
}
