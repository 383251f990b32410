import type { HttpResponse } from '../http/index.ts';

const longest = 300;
const mostShown = 5;

/**
 * The texts of a response's Warning headers (distribution-spec "Warnings": code 299 of the agent `-`), each told once, and
 * a few at most: a registry must not fill the user's screen.
 */
export function noticesOf(
  onWarning: ((message: string) => void) | undefined,
  host: string,
): (response: HttpResponse) => void {
  const told = new Set<string>();
  return (response) => {
    const header = response.headers.get('warning');
    if (header === null || onWarning === undefined) return;
    for (const [, quoted = ''] of header.slice(0, 4096).matchAll(/\b299 - "((?:[^"\\]|\\.)*)"/g)) {
      const text = quoted
        .replace(/\\(.)/g, '$1')
        // A terminal must not be steered by a server's words.
        .replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
        .slice(0, longest);
      if (told.has(text) || told.size >= mostShown) continue;
      told.add(text);
      onWarning(`${host} says: ${text}`);
    }
  };
}
