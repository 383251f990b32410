import { createDigester, type Digester } from '../core/index.ts';
import type { TarPart } from './parts.ts';
import type { Piece, PieceFiller } from './pieces.ts';
import type { Chunk, Row, Table } from './table.ts';

export interface MembersOptions {
  readonly filler: PieceFiller;
  readonly table: Table;
  /** Bytes of a body after which another chunk begins. */
  readonly chunkSize: number;
  /** Whether a body's member ends with it, or has what follows up to the next body. */
  readonly endsWithBody: boolean;
}

/** The pieces of a tar, with a new member wherever a body or a chunk of it begins. */
export class Members {
  readonly #options: MembersOptions;
  #file: OpenFile | undefined;

  constructor(options: MembersOptions) {
    this.#options = options;
  }

  *part(part: TarPart): Generator<Piece, void, undefined> {
    const { filler, table, chunkSize } = this.#options;
    switch (part.kind) {
      case 'entry': {
        yield* filler.add(part.padding);
        yield* filler.add(part.head);
        const row = table.add(part);
        if (part.header.size > 0) this.#file = openFile(row, chunkSize);
        return;
      }
      case 'body':
        yield* this.#body(part.bytes);
        return;
      case 'end':
        yield* filler.add(part.padding);
        yield* filler.add(part.rest);
        return;
    }
  }

  *#body(bytes: Uint8Array): Generator<Piece, void, undefined> {
    const { filler, chunkSize, endsWithBody } = this.#options;
    const file = this.#file;
    if (file === undefined) throw new Error('the body of no file');
    for (let at = 0; at < bytes.length;) {
      let { chunk } = file;
      if (chunk === undefined) {
        yield* filler.cut();
        const begun = beginChunk(file);
        filler.watch((start) => (begun.offset = start));
        chunk = begun;
      }
      const part = bytes.subarray(at, at + chunkSize - chunk.size);
      yield* filler.add(part);
      at += part.length;
      chunk.size += part.length;
      file.left -= part.length;
      file.ofChunk.update(part);
      file.ofAll?.update(part);
      if (chunk.size < chunkSize && file.left > 0) continue;
      chunk.digest = file.ofChunk.digest();
      file.chunk = undefined;
      if (file.left > 0) continue;
      const { row } = file;
      row.digest = file.ofAll?.digest() ?? chunk.digest;
      if (endsWithBody) yield* filler.cut((_, end) => (row.end = end));
      else row.end = 0;
      this.#file = undefined;
    }
  }
}

/** A file whose body is on its way. */
interface OpenFile {
  readonly row: Row;
  left: number;
  chunk: Chunk | undefined;
  ofChunk: Digester;
  /** Of several chunks. */
  ofAll: Digester | undefined;
}

function openFile(row: Row, chunkSize: number): OpenFile {
  const { size } = row.entry.header;
  const isOne = size <= chunkSize;
  return {
    row,
    left: size,
    chunk: undefined,
    ofChunk: createDigester(),
    ofAll: isOne ? undefined : createDigester(),
  };
}

function beginChunk(file: OpenFile): Chunk {
  const at = file.row.entry.header.size - file.left;
  const chunk: Chunk = { offset: undefined, at, size: 0, digest: undefined };
  file.row.chunks.push(chunk);
  file.chunk = chunk;
  file.ofChunk = createDigester();
  return chunk;
}
