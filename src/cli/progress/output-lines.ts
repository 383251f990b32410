import { StringDecoder } from 'node:string_decoder';

/** Characters of a line that has not ended yet; a program that never ends its lines must not fill the memory. */
const longestLine = 64 * 1024;

/** Cuts one output stream of a program into lines as they would stand on a terminal in the end. */
export class OutputLines {
  readonly #decoder = new StringDecoder('utf8');
  #open = '';

  /** The lines that are complete with these bytes. */
  push(data: Uint8Array): readonly string[] {
    const lines = (this.#open + this.#decoder.write(Buffer.from(data))).split('\n');
    this.#open = lines.pop() ?? '';
    while (this.#open.length > longestLine) {
      lines.push(this.#open.slice(0, longestLine));
      this.#open = this.#open.slice(longestLine);
    }
    return lines.map(lastPrinted);
  }

  /** What came after the last line end. */
  end(): readonly string[] {
    const rest = this.#open + this.#decoder.end();
    this.#open = '';
    return rest === '' ? [] : [lastPrinted(rest)];
  }
}

/** Programs that redraw a line with carriage returns: what stands there in the end. */
function lastPrinted(text: string): string {
  const shown = text.replace(/\r+$/, '');
  return shown.slice(shown.lastIndexOf('\r') + 1);
}
