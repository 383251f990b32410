import type { SourceExcerpt, SourceRange } from '../core/index.ts';
import type { Dockerfile } from './types.ts';

/** The lines of a range, for an error or a warning to carry. */
export function excerpt(dockerfile: Dockerfile, range: SourceRange): SourceExcerpt {
  return { file: dockerfile.file, range, lines: dockerfile.lines.slice(range.startLine - 1, range.endLine) };
}
