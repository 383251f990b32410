/**
 * Text of others (Dockerfiles, images, programs, registries) as it may reach a terminal: escape sequences could retitle
 * the window, move the cursor over what was said before or type for the user; marks of writing direction could make a
 * line read as another. Tabs and line ends stay.
 */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}

/** The same on one line. */
export function printableLine(text: string): string {
  return printable(text.replaceAll(/\s+/g, ' '));
}

const colour = /\u001b\[[0-9;:]*m/g;

/** A program's line of output: its colours stay, and end with the line. */
export function printableOutput(text: string): string {
  if (!text.includes('\u001b[')) return printable(text);
  const colours = text.match(colour) ?? [];
  const shown = text
    .split(colour)
    .map((part, index) => `${printable(part)}${colours[index] ?? ''}`)
    .join('');
  return colours.length === 0 ? shown : `${shown}\u001b[0m`;
}

const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u;
const nothing = /\p{Mn}|\p{Me}|\p{Cf}/u;

/** Columns of a terminal that a text without control characters takes (East Asian Width, UAX #11). */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += nothing.test(character) ? 0 : wide.test(character) ? 2 : 1;
  return width;
}

/** What JSON may hold as it is and a terminal must not see: controls above ASCII, marks of writing direction. */
export function asciiControls(text: string): string {
  return text.replace(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
