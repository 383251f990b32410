import { isUtf8 } from 'node:buffer';

/** A line of the file as it stands there. */
export interface PhysicalLine {
  /** Without the line end; what is not UTF-8 shows as U+FFFD. */
  readonly text: string;
  /** The carriage returns and the newline that were cut off, so that heredoc bodies can be given back exactly. */
  readonly ending: string;
  /** Bytes. */
  readonly length: number;
  /** The bytes are UTF-8 and hold no NUL. */
  readonly valid: boolean;
}

/** Only `\n` ends a line; carriage returns before it belong to the line end. A leading byte order mark is dropped. */
export function splitLines(source: Uint8Array | string): readonly PhysicalLine[] {
  let bytes = typeof source === 'string' ? Buffer.from(source, 'utf8') : Buffer.from(source);
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) bytes = bytes.subarray(3);
  const lines: PhysicalLine[] = [];
  let start = 0;
  while (start < bytes.length) {
    const newline = bytes.indexOf(0x0a, start);
    const next = newline < 0 ? bytes.length : newline + 1;
    lines.push(physicalLine(bytes.subarray(start, next)));
    start = next;
  }
  // An empty file has one empty line to show in errors.
  return lines.length > 0 ? lines : [physicalLine(bytes)];
}

function physicalLine(bytes: Buffer): PhysicalLine {
  let end = bytes.length;
  const length = bytes[end - 1] === 0x0a ? end - 1 : end;
  while (end > 0 && (bytes[end - 1] === 0x0a || bytes[end - 1] === 0x0d)) end--;
  const content = bytes.subarray(0, end);
  return {
    text: content.toString('utf8'),
    ending: bytes.toString('latin1', end),
    length,
    valid: isUtf8(content) && !content.includes(0),
  };
}
