/**
 * The characters of a name given as bytes: code points where the bytes are UTF-8. Any other byte counts as one character
 * of its own, beyond all code points, so that `?` matches it and only the same byte in a pattern equals it.
 */
export function decodeRunes(bytes: string): readonly number[] {
  const runes: number[] = [];
  for (let index = 0; index < bytes.length;) {
    const rune = runeAt(bytes, index);
    runes.push(rune.value);
    index += rune.length;
  }
  return runes;
}

const notUtf8 = 0x110000;

/** The character at a byte, and how many bytes it takes. */
export function runeAt(bytes: string, index: number): { readonly value: number; readonly length: number } {
  const first = bytes.charCodeAt(index);
  if (first < 0x80) return { value: first, length: 1 };
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return { value: notUtf8 + first, length: 1 };
  let value = first & (0xff >> (length + 1));
  for (let offset = 1; offset < length; offset++) {
    const next = bytes.charCodeAt(index + offset);
    // NaN behind the end of the text fails the test too.
    if ((next & 0xc0) !== 0x80) return { value: notUtf8 + first, length: 1 };
    value = (value << 6) | (next & 0x3f);
  }
  const shortest = length === 2 ? 0x80 : length === 3 ? 0x800 : 0x10000;
  const surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < shortest || value > 0x10ffff || surrogate) return { value: notUtf8 + first, length: 1 };
  return { value, length };
}
