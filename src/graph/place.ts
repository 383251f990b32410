import { TsbuildError, type SourceExcerpt, type SourceRange } from '../core/index.ts';
import type { Dockerfile } from '../dockerfile/types.ts';

export function excerptOf(dockerfile: Dockerfile, range: SourceRange): SourceExcerpt {
  return { file: dockerfile.file, range, lines: dockerfile.lines.slice(range.startLine - 1, range.endLine) };
}

/** Gives any of our errors thrown inside the place of the instruction, unless it knows a better one. */
export function located<T>(dockerfile: Dockerfile, range: SourceRange, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof TsbuildError) throw error.locatedAt(excerptOf(dockerfile, range));
    throw error;
  }
}

/** The same for what ends later. */
export async function locatedAsync<T>(
  dockerfile: Dockerfile,
  range: SourceRange,
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof TsbuildError) throw error.locatedAt(excerptOf(dockerfile, range));
    throw error;
  }
}

/** What is thrown is the fault of these words of the instruction. */
export function blame(error: unknown, words: string): never {
  throw error instanceof TsbuildError ? error.blaming(words) : error;
}
