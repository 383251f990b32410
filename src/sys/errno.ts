import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

import { toText, type ByteString } from '../core/index.ts';

const names = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** Numbers of the errors the callers decide by. */
export const errno = constants.errno;

/** The error of a failed system call, in the shape of Node's own: `code`, `errno` (negative), `syscall`, `path`. */
export function errnoError(number: number, syscall: string, path?: ByteString): NodeJS.ErrnoException {
  const [known, text] = getSystemErrorMap().get(-number) ?? [];
  const code = known ?? names.get(number) ?? `E${number}`;
  const of = path === undefined ? '' : ` '${toText(path)}'`;
  const error: NodeJS.ErrnoException = new Error(`${code}: ${text ?? 'system error'}, ${syscall}${of}`);
  error.code = code;
  error.errno = -number;
  error.syscall = syscall;
  if (path !== undefined) error.path = toText(path);
  return error;
}

/** The result of an addon's call, or its error. */
export function checked(result: number, syscall: string, path?: ByteString): number {
  if (result < 0) throw errnoError(-result, syscall, path);
  return result;
}

/** As `checked`, for calls that give bytes. */
export function checkedBytes(result: string | number, syscall: string, path?: ByteString): ByteString {
  if (typeof result === 'number') throw errnoError(-result, syscall, path);
  return result as ByteString;
}
