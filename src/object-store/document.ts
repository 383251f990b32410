import { TsbuildError } from '../core/index.ts';
import { HttpStatusError } from '../http/index.ts';

/** Bytes of a document that are read at most. */
export const maxDocumentBytes = 32 * 2 ** 20;

/** Of replacing a document that others replace, too: one of those who try at once gets through each time. */
export const maxTries = 20;

export async function unlessMissing<T>(task: () => Promise<T>): Promise<T | undefined> {
  try {
    return await task();
  } catch (error) {
    if (error instanceof HttpStatusError && error.status === 404) return undefined;
    throw error;
  }
}

export function crowded(name: string): TsbuildError {
  return new TsbuildError('CACHE_SERVICE_ERROR', `the cache ${name} does not keep what is put there`, {
    hint: 'too many builds write to it at once: give them names of their own, and name all of them in --cache-from',
  });
}
