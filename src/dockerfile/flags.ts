import { nearestName, TsbuildError } from '../core/index.ts';
import type { Word } from './words.ts';

/** What a flag takes: `bool` nothing, true or false; `string` a value, once; `list` a value, repeatedly. */
export type FlagKind = 'bool' | 'string' | 'list';

export interface Flags {
  bool(name: string): boolean | undefined;
  /** Undefined when not given or empty. */
  string(name: string): string | undefined;
  list(name: string): readonly string[];
  /** Every value of a flag through `read`; what that throws is placed on the flag. */
  each<T>(name: string, read: (value: string) => T): readonly T[];
}

/**
 * Checks the flags of one instruction against what it knows. `fail` places an error on a flag.
 * Throws DOCKERFILE_SYNTAX.
 */
export function parseFlags<F extends Word>(
  instruction: string,
  words: readonly F[],
  known: Readonly<Record<string, FlagKind>>,
  fail: (flag: F, error: TsbuildError) => TsbuildError,
): Flags {
  const values = new Map<string, { readonly value: string; readonly word: F }[]>();
  for (const word of words) {
    const error = (message: string, hint?: string) =>
      fail(word, new TsbuildError('DOCKERFILE_SYNTAX', message, { hint }));
    const equals = word.text.indexOf('=');
    const name = word.text.slice(2, equals < 0 ? undefined : equals);
    const value = equals < 0 ? undefined : word.text.slice(equals + 1);
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (kind === undefined) throw error(`unknown flag: --${name}`, hintForUnknown(instruction, name, known));
    const earlier = values.get(name);
    if (earlier !== undefined && kind !== 'list')
      throw error(`duplicate flag specified: --${name}`, 'keep one of them');
    if (value === undefined && kind !== 'bool')
      throw error(`missing a value on flag: --${name}`, `write --${name}=VALUE`);
    if (kind === 'bool') {
      if (value === '')
        throw error(`missing a value on flag: --${name}`, `write --${name} or --${name}=false`);
      const lower = (value ?? 'true').toLowerCase();
      if (lower !== 'true' && lower !== 'false') {
        throw error(`expecting boolean value for flag --${name}, not: ${value ?? ''}`, 'write true or false');
      }
      values.set(name, [{ value: lower, word }]);
    } else if (earlier !== undefined) earlier.push({ value: value ?? '', word });
    else values.set(name, [{ value: value ?? '', word }]);
  }
  const list = (name: string) => values.get(name) ?? [];
  return {
    bool: (name) => (values.has(name) ? list(name)[0]?.value === 'true' : undefined),
    string: (name) => list(name)[0]?.value || undefined,
    list: (name) => list(name).map(({ value }) => value),
    each: (name, read) =>
      list(name).map(({ value, word }) => {
        try {
          return read(value);
        } catch (error) {
          throw error instanceof TsbuildError ? fail(word, error) : error;
        }
      }),
  };
}

function hintForUnknown(
  instruction: string,
  name: string,
  known: Readonly<Record<string, FlagKind>>,
): string {
  const names = Object.keys(known);
  const near = nearestName(name, names);
  if (near !== undefined) return `did you mean --${near}?`;
  if (names.length > 0) return `${instruction} knows ${names.map((flag) => `--${flag}`).join(' ')}`;
  return `${instruction} takes no flags; words behind a lone -- are not taken for flags`;
}
