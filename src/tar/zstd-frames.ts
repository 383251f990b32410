import type { TarInput } from './input.ts';

const frameMagic = 0xfd2fb528;

/** Skippable frames carry what is not content: chunk tables of zstd:chunked, padding (RFC 8878, 3.1.2). */
function isSkippable(magic: number): boolean {
  return magic >>> 4 === 0x184d2a5;
}

export type ZstdFrameStart = 'frame' | 'skippable' | 'end' | 'unknown';

/** What stands next in the input; its four bytes are read. */
export async function readFrameStart(input: TarInput): Promise<ZstdFrameStart> {
  const bytes = await input.read(4);
  if (bytes.length === 0) return 'end';
  if (bytes.length < 4) return 'unknown';
  const magic = view(bytes).getUint32(0, true);
  if (magic === frameMagic) return 'frame';
  return isSkippable(magic) ? 'skippable' : 'unknown';
}

/** Drops a skippable frame whose magic is read. */
export async function skipSkippableFrame(input: TarInput): Promise<void> {
  const size = await input.read(4);
  if (size.length === 4) await input.skip(view(size).getUint32(0, true));
}

/**
 * The bytes of one frame whose magic is read, magic included. Only lengths are looked at, to find where the frame
 * ends (RFC 8878, 3.1.1): Node's decompressor stops after a frame and silently drops all that follow.
 * A frame that is cut off ends early, which the decompressor reports.
 */
export async function* frameBytes(input: TarInput): AsyncGenerator<Uint8Array, void, undefined> {
  yield Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);
  const descriptor = await input.read(1);
  yield descriptor;
  const flags = descriptor[0] ?? 0;
  const singleSegment = (flags & 0x20) !== 0;
  const contentSizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][flags >>> 6] ?? 0;
  const dictionaryBytes = [0, 1, 2, 4][flags & 3] ?? 0;
  yield await input.read((singleSegment ? 0 : 1) + dictionaryBytes + contentSizeBytes);
  for (;;) {
    const header = input.take(3) ?? (await input.read(3));
    yield header;
    if (header.length < 3) return;
    const word = (header[0] ?? 0) | ((header[1] ?? 0) << 8) | ((header[2] ?? 0) << 16);
    const isRunLength = ((word >>> 1) & 3) === 1;
    yield await input.read(isRunLength ? 1 : word >>> 3);
    if ((word & 1) !== 0) break;
  }
  if ((flags & 4) !== 0) yield await input.read(4);
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
