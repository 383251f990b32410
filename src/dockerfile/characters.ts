/**
 * What Go's unicode.IsSpace takes for white space (the White_Space property); JavaScript's own notion differs in
 * U+0085 and U+FEFF, and both decide where a word of a Dockerfile ends.
 */
const space = String.raw`[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]`;
const spacePattern = new RegExp(`^${space}$`);

export function isSpace(character: string): boolean {
  // The pattern is consulted only beyond ASCII: this is asked for every character of a file.
  if (character <= '\u007f') return character === ' ' || (character >= '\t' && character <= '\r');
  return spacePattern.test(character);
}

export function trimStart(text: string): string {
  let start = 0;
  while (start < text.length && isSpace(text.charAt(start))) start++;
  return text.slice(start);
}

export function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

export function trim(text: string): string {
  return trimEnd(trimStart(text));
}

/** Blanks between words of the plain lists (FROM, COPY, EXPOSE …): ASCII only, unlike the quoted words of ENV. */
export function isListBlank(character: string): boolean {
  return (
    character === ' ' || character === '\t' || character === '\v' || character === '\f' || character === '\r'
  );
}

/** The words of a plain list; quotes mean nothing here. */
export function listWords(text: string): readonly string[] {
  return text.split(/[\t\v\f\r ]+/).filter((word) => word !== '');
}

/** A text of the user in a message: quoted, control characters escaped, not longer than a line. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 117)}...` : text);
}
