import { TsbuildError, type ErrorCode, type SourceExcerpt, type SourceRange } from '../core/index.ts';
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

/** An instruction asks for something that is not done yet: never accepted silently. */
export function unsupported(
  what: string,
  hint?: string,
  code: ErrorCode = 'DOCKERFILE_UNSUPPORTED',
): TsbuildError {
  return new TsbuildError(code, `${what} is not supported yet`, { hint });
}
