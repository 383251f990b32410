import { readSync } from 'node:fs';

import { isJsonArray, type ByteString, type Json } from '../../../core/index.ts';
import type { LayerPlace } from '../../../snapshot/index.ts';
import type { CopiedFolder } from './copied-tree.ts';

/** A folder's own entry, as an earlier copy's layer has it. */
export interface CopiedRow {
  readonly name: ByteString;
  /** As `digestLine` gives it. */
  readonly line: string;
  /** A file's digest, unless it is empty; else ''. */
  readonly content: string;
  /** With extended headers. */
  readonly header: Buffer;
  readonly hasXattrs: boolean;
  /** Content included, but not what is in a folder. */
  readonly from: LayerPlace;
  readonly to: LayerPlace;
  /** Of a folder: what is in it. */
  readonly folder: CopiedFolder | undefined;
}

export interface CopiedText {
  readonly text: Buffer;
  /** Of the layer's tar. */
  readonly fd: number;
}

const blockSize = 512;
const digestLength = 'sha256:'.length + 64;

/** In the order of the layer. */
export function rowsOf({ text, fd }: CopiedText, { from, to, folders }: CopiedFolder): readonly CopiedRow[] {
  const rows: CopiedRow[] = [];
  const below = folders.values();
  for (let at = from; at.text < to.text;) {
    const end = text.indexOf('\n', at.text) + 1;
    const line = text.toString('latin1', at.text, end);
    const { path, type, size, hasXattrs } = parsed(line);
    const header = headerAt(fd, at.tar);
    const content = size > 0 ? text.toString('latin1', end, end + digestLength) : '';
    const after = {
      tar: at.tar + header.length + size + padding(size),
      text: end + content.length,
    };
    const folder = type === 'directory' ? below.next().value : undefined;
    const name = path.slice(path.lastIndexOf('/') + 1) as ByteString;
    rows.push({ name, line, content, header, hasXattrs, from: at, to: after, folder });
    at = folder?.to ?? after;
  }
  return rows;
}

function parsed(line: string): {
  readonly path: string;
  readonly type: Json | undefined;
  readonly size: number;
  readonly hasXattrs: boolean;
} {
  const row = JSON.parse(line) as Json;
  if (!isJsonArray(row)) throw new Error('not a line of changes');
  const [path, type, , , , size, , , , xattrs] = row;
  if (typeof path !== 'string' || typeof size !== 'number') throw new Error('not a line of changes');
  return { path, type, size, hasXattrs: isJsonArray(xattrs) && xattrs.length > 0 };
}

/** The header of an entry, and before it the extended one, if it has one. */
function headerAt(fd: number, at: number): Buffer {
  const first = read(fd, at, blockSize);
  if (first[typeAt] !== extended) return first;
  const size = Number.parseInt(first.toString('latin1', sizeAt, sizeAt + 11), 8);
  // Of a damaged layer, which shows when all of it is hashed.
  if (!(size <= mostExtended)) return first;
  return read(fd, at, 2 * blockSize + size + padding(size));
}

/** Of a ustar header. */
const typeAt = 156;
const sizeAt = 124;
const extended = 'x'.charCodeAt(0);
/** Bytes; more than paths and extended attributes can have. */
const mostExtended = 1 << 24;

function read(fd: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length;) {
    const got = readSync(fd, bytes, done, length - done, at + done);
    if (got === 0) break;
    done += got;
  }
  return bytes;
}

export function padding(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}
