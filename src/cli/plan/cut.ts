import { displayWidth } from '../terminal-text.ts';

/** The text, or as much of its beginning as fits into so many columns of a terminal, with `…` behind it. */
export function cut(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let [kept, used] = ['', 0];
  for (const character of text) {
    used += displayWidth(character);
    if (used > columns - 1) break;
    kept += character;
  }
  return `${kept.trimEnd()}…`;
}
