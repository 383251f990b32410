import { addon } from './addon.ts';
import { checked, errnoError } from './errno.ts';

/** Bytes of memory that a frame of so many bytes takes, whatever they are (ZSTD_COMPRESSBOUND). */
export function zstdRoom(length: number): number {
  const small = 128 * 1024;
  return length + (length >>> 8) + (length < small ? (small - length) >>> 11 : 0);
}

/**
 * Packs the bytes in another thread as one zstd frame with its checksum, by the zstd that Node has in it; `level` is 1 to
 * 22. Neither array may be changed meanwhile. Returns how many bytes of `out` were written. Throws ENOSYS where a
 * Node lends its zstd to no addon: frames of `node:zlib` are other bytes.
 */
export async function zstdFrame(
  out: Uint8Array,
  { bytes, level }: { readonly bytes: Uint8Array; readonly level: number },
): Promise<number> {
  const result = addon().zstdFrame(out, bytes, 0, level);
  if (typeof result === 'number') throw errnoError(-result, 'zstd');
  return checked(await result, 'zstd');
}
