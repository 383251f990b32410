import { readFileSync, readlinkSync } from 'node:fs';

import { isErrno, TsbuildError } from '../../../core/index.ts';
import type { Failure, Outcome } from '../types.ts';

/** What became of some work; a defect of ours stays one. */
export function outcomeOf(work: () => unknown): Outcome {
  try {
    work();
    return { ok: true };
  } catch (error) {
    return failureOf(error);
  }
}

/** An error as a fact. Throws what is no failure of the machine. */
export function failureOf(error: unknown): Failure {
  if (error instanceof TsbuildError) {
    const { message, cause } = error;
    // The errno below says more than the code of the class.
    if (errnoOf(cause) !== undefined) return { ok: false, code: errnoOf(cause) ?? '', message };
    return { ok: false, code: error.code, message };
  }
  const code = errnoOf(error);
  if (code === undefined || !(error instanceof Error)) throw error;
  return { ok: false, code, message: error.message };
}

function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  return /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}

/** A file of the system, or undefined when it does not exist or may not be read. */
export function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EINVAL', 'EIO', 'ELOOP', 'EISDIR'))
      return undefined;
    throw error;
  }
}

/** What a link says, or undefined. */
export function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** A file with one number in it, such as a sysctl. */
export function numberOf(path: string): number | undefined {
  const text = textOf(path)?.trim();
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
