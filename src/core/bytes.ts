/**
 * File names, link targets and xattr values are bytes, not text. They travel as strings in which every
 * character is one byte (latin1), so that they can be map keys, compared and sorted bytewise, and printed
 * by nobody by accident: the brand keeps them apart from text.
 */
export type ByteString = string & { readonly __bytes: true };

/** The bytes of a ByteString. */
export function toBuffer(bytes: ByteString): Buffer {
  return Buffer.from(bytes, 'latin1');
}

/** A ByteString of raw bytes. */
export function fromBuffer(bytes: Uint8Array): ByteString {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1') as ByteString;
}

/** The UTF-8 bytes of a text. */
export function fromText(text: string): ByteString {
  return Buffer.from(text, 'utf8').toString('latin1') as ByteString;
}

/** The bytes read as UTF-8, for people: what is not UTF-8 shows as U+FFFD. */
export function toText(bytes: ByteString): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** Bytewise order, which for ByteStrings is code unit order. */
export function compareBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
