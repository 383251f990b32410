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
