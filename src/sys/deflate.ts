import { addon } from './addon.ts';
import { checked, errnoError } from './errno.ts';

export interface DeflatePiece {
  /** What was packed before, and what is to be packed. */
  readonly bytes: Uint8Array;
  /** How many of them were packed before: they only serve to refer back to, at most 32 KiB of them. */
  readonly known: number;
  /** 1 to 9, as zlib counts. */
  readonly level: number;
}

/** Bytes of memory that packing so many bytes takes, whatever they are. */
export function deflateRoom(length: number): number {
  return length + Math.ceil(length / 1000) + 64;
}

/**
 * Packs a piece in another thread, as blocks that end on a byte's border and of which none is the last (RFC 1951). Pieces
 * one after the other, each with the end of the piece before as `known`, are one stream. The same bytes come out on every
 * processor. Neither array may be changed meanwhile. Returns how many bytes of `out` were written.
 */
export async function deflatePiece(out: Uint8Array, { bytes, known, level }: DeflatePiece): Promise<number> {
  const result = addon().deflate(out, bytes, known, level);
  if (typeof result === 'number') throw errnoError(-result, 'deflate');
  return checked(await result, 'deflate');
}
