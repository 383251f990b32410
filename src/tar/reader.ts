import { fromBuffer, TsbuildError, type ByteString } from '../core/index.ts';
import { blockSize, decodeHeader, isZeroBlock } from './header.ts';
import type { RawHeader } from './header.ts';
import { createTarInput, truncated } from './input.ts';
import type { TarInput } from './input.ts';
import { fullPathOf, interpretHeader, statedSize } from './interpret.ts';
import type { ExtendedHeaders } from './interpret.ts';
import { parsePaxRecords } from './pax.ts';
import { defaultTarLimits } from './types.ts';
import type { TarEntry, TarLimits, TarWording } from './types.ts';

/**
 * Reads a tar of any common flavour (v7, ustar, PAX, GNU) as its bytes arrive, in the archive's own order, and reads
 * the source to its end, trailing padding included. Nothing about the paths is promised but their length: what they
 * may reach is the business of who unpacks.
 *
 * Throws ARCHIVE_INVALID for what is damaged, cut off or ambiguous, ARCHIVE_LIMIT beyond the limits, and whatever the source throws.
 */
export async function* readTar(
  source: AsyncIterable<Uint8Array>,
  limits: Partial<TarLimits> = {},
): AsyncGenerator<TarEntry, void, undefined> {
  const bounds: TarLimits = { ...defaultTarLimits, ...limits };
  await using input = createTarInput(source, bounds.bytes);
  let extended: ExtendedHeaders = {};
  let entries = 0;
  let isAfterGlobal = false;
  for (;;) {
    const block = input.take(blockSize) ?? (await input.read(blockSize));
    // Many writers of old leave the end mark out, so the end of the input between two entries is an end as well.
    if (block.length === 0) break;
    if (block.length < blockSize) throw truncated();
    if (isZeroBlock(block)) {
      await expectEndMark(input);
      break;
    }
    const raw = decodeHeader(block);
    const withExtended = await readExtended(raw, { input, extended, limit: bounds.extendedHeader });
    if (withExtended !== undefined) {
      isAfterGlobal ||= raw.flag === 'g';
      extended = withExtended;
      continue;
    }
    const header = interpretHeader(raw, extended, bounds);
    const wording = wordingOf(raw, extended, isAfterGlobal);
    extended = {};
    entries += 1;
    if (entries > bounds.entries) {
      throw new TsbuildError('ARCHIVE_LIMIT', `the archive has more than ${bounds.entries} entries`);
    }
    const { entry, leave } = openEntry({ header, wording }, input);
    yield entry;
    const { body, padding } = leave();
    if (input.take(body + padding) !== undefined) continue;
    await input.skip(body);
    // umoci's insert leaves out the padding of the last body, too; Go's reader takes that for the end, so images have it.
    if (padding > 0 && !(await input.more())) break;
    await input.skip(padding);
  }
  if (Object.keys(extended).length > 0) throw truncated();
}

function wordingOf(raw: RawHeader, extended: ExtendedHeaders, isAfterGlobal: boolean): () => TarWording {
  return () => ({
    name: fullPathOf(raw, extended),
    mode: raw.mode,
    size: statedSize(raw, extended),
    pax: extended.pax ?? new Map(),
    isAfterGlobal,
  });
}

async function expectEndMark(input: TarInput): Promise<void> {
  const second = await input.read(blockSize);
  if (second.length === blockSize && !isZeroBlock(second)) {
    throw new TsbuildError('ARCHIVE_INVALID', 'the archive has a zero block between its entries');
  }
  await input.drain();
}

interface ExtendedContext {
  readonly input: TarInput;
  readonly extended: ExtendedHeaders;
  readonly limit: number;
}

/** Reads the body of an extended header; undefined when the header is an entry's own. */
async function readExtended(
  raw: RawHeader,
  { input, extended, limit }: ExtendedContext,
): Promise<ExtendedHeaders | undefined> {
  switch (raw.flag) {
    case 'x':
      once(extended.pax);
      return { ...extended, pax: parsePaxRecords(await readExtendedBody(raw, input, limit)) };
    case 'L':
      once(extended.longName);
      return { ...extended, longName: untilNul(await readExtendedBody(raw, input, limit)) };
    case 'K':
      once(extended.longLink);
      return { ...extended, longLink: untilNul(await readExtendedBody(raw, input, limit)) };
    case 'g':
      // Defaults for all later entries; container tools ignore them, and who honoured them would see other files.
      await readExtendedBody(raw, input, limit);
      return extended;
    default:
      return undefined;
  }
}

/** Of two extended headers of one kind some readers keep the first and some the last: a way to show each another file. */
function once(earlier: unknown): void {
  if (earlier === undefined) return;
  throw new TsbuildError('ARCHIVE_INVALID', 'an entry of the archive has two extended headers of one kind');
}

/**
 * Its size is the one of its own header: a PAX `size` speaks of the entry's body only. Applied here it would move
 * the reader to bytes that other readers take for a body (a header smuggled past them).
 */
async function readExtendedBody(raw: RawHeader, input: TarInput, limit: number): Promise<Uint8Array> {
  if (raw.size < 0) throw new TsbuildError('ARCHIVE_INVALID', 'an extended header has a negative size');
  if (raw.size > limit) {
    throw new TsbuildError('ARCHIVE_LIMIT', `an extended header has ${raw.size} bytes, more than ${limit}`);
  }
  const body = input.take(raw.size) ?? (await input.read(raw.size));
  if (body.length < raw.size) throw truncated();
  await input.skip(paddingOf(raw.size));
  return body;
}

function untilNul(body: Uint8Array): ByteString {
  const end = body.indexOf(0);
  return fromBuffer(end === -1 ? body : body.subarray(0, end));
}

function paddingOf(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}

/** The entry, and a function that ends it and says how many bytes of the input still belong to it, and how many follow for nothing. */
function openEntry(
  { header, wording }: Pick<TarEntry, 'header' | 'wording'>,
  input: TarInput,
): { readonly entry: TarEntry; readonly leave: () => { readonly body: number; readonly padding: number } } {
  let left = header.size;
  let current = true;

  async function* chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    while (left > 0) {
      if (!current) throw new Error('the body of a tar entry is gone once the next entry was asked for');
      const piece = input.some(left);
      if (piece !== undefined) {
        left -= piece.length;
        yield piece;
      } else if (!(await input.more())) {
        throw truncated();
      }
    }
  }

  const entry: TarEntry = {
    header,
    wording,
    bodyAt: input.position(),
    chunks,
    buffered() {
      if (!current) throw new Error('the body of a tar entry is gone once the next entry was asked for');
      const whole = input.take(left);
      if (whole !== undefined) left = 0;
      return whole;
    },
  };
  return {
    entry,
    leave() {
      current = false;
      return { body: left, padding: paddingOf(header.size) };
    },
  };
}
