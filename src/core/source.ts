/** Lines are counted from 1, columns from 0, as editors' protocols and compilers do; `end` is inclusive of its line. */
export interface SourceRange {
  readonly startLine: number;
  readonly endLine: number;
  readonly startColumn?: number;
  readonly endColumn?: number;
}

/** A place in a file together with the lines themselves, so that an error can show them without reading again. */
export interface SourceExcerpt {
  readonly file: string;
  readonly range: SourceRange;
  /** The lines startLine…endLine of the file. */
  readonly lines: readonly string[];
}

/**
 * The excerpt narrowed to words that stand in it as written. Where they stand more than once, the one that is a word of
 * its own counts; while that is not clear either, or they are not found, the excerpt stays: a mark under the wrong words
 * is worse than none.
 */
export function narrowed(excerpt: SourceExcerpt, words: string): SourceExcerpt {
  const found = occurrences(excerpt, words);
  const alone = found.filter(({ line, column }) => standsAlone(line, column, words.length));
  const [place, ...others] = alone.length > 0 ? alone : found;
  if (place === undefined || others.length > 0) return excerpt;
  const line = excerpt.range.startLine + place.index;
  const range = {
    startLine: line,
    endLine: line,
    startColumn: place.column,
    endColumn: place.column + words.length,
  };
  return { file: excerpt.file, range, lines: [place.line] };
}

interface Occurrence {
  readonly index: number;
  readonly line: string;
  readonly column: number;
}

function occurrences({ range, lines }: SourceExcerpt, words: string): readonly Occurrence[] {
  if (words === '') return [];
  return lines.flatMap((line, index) => {
    const found: Occurrence[] = [];
    const end = index === lines.length - 1 ? (range.endColumn ?? line.length) : line.length;
    let column = line.indexOf(words, index === 0 ? (range.startColumn ?? 0) : 0);
    while (column >= 0 && column + words.length <= end) {
      found.push({ index, line, column });
      column = line.indexOf(words, column + words.length);
    }
    return found;
  });
}

function standsAlone(line: string, column: number, length: number): boolean {
  return !/[\w$./-]/.test(line.charAt(column - 1)) && !/[\w$./-]/.test(line.charAt(column + length));
}
