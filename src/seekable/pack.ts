import { packEstargz } from './estargz.ts';
import type { SeekableForm, SeekableLayer } from './types.ts';
import { packZstdChunked } from './zstd-chunked.ts';

/**
 * Packs the plain tar of a layer so that single files of it can be fetched. A layer with what a table of contents
 * cannot say (names that are no UTF-8, two entries of one path, times beside that of the last change) comes out without
 * one. Memory is bounded, whatever the layer is. Throws as reading tars does.
 */
export function packSeekable(
  source: AsyncIterable<Uint8Array>,
  { kind, level }: SeekableForm,
): SeekableLayer {
  switch (kind) {
    case 'estargz':
      return packEstargz(source, level);
    case 'zstd:chunked':
      return packZstdChunked(source, level);
  }
}
