import { isUtf8 } from 'node:buffer';

import type { ByteString } from '../core/index.ts';
import { blockSize, type EntryPart } from './parts.ts';

/** Beyond, RFC 3339 has no years. */
const lastSecond = 253_402_300_799;
const firstSecond = -62_135_596_800;

/**
 * Whether a table of contents, which is JSON, can say all that the tar says of an entry. Readers compare the two, and
 * refuse a layer in which they differ.
 */
export function isSayable({ head, header, wording }: EntryPart): boolean {
  const { name, mode, size, pax, isAfterGlobal } = wording;
  const texts = [name, header.link ?? '', ...pax.keys()];
  return (
    texts.every(isText) &&
    mode === header.mode &&
    size === header.size &&
    header.mtime >= firstSecond &&
    header.mtime <= lastSecond &&
    !pax.has('atime') &&
    !pax.has('ctime') &&
    !isAfterGlobal &&
    !hasGnuTimes(head.subarray(-blockSize))
  );
}

function isText(bytes: string): boolean {
  return isUtf8(Buffer.from(bytes as ByteString, 'latin1'));
}

/** GNU's headers have room for two more times, which incremental archives fill. */
function hasGnuTimes(block: Uint8Array): boolean {
  const isGnu = Buffer.from(block.subarray(257, 265)).toString('latin1') === 'ustar  \0';
  return isGnu && (block[345] !== 0 || block[357] !== 0);
}
