import { TsbuildError, type SourceRange } from '../core/index.ts';
import { parseFlags, type FlagKind, type Flags } from './flags.ts';
import { jsonStrings, type SplitInstruction } from './words.ts';
import type { Command, Heredoc } from './types.ts';

/** One instruction, split, with what its parser needs; the base of all of them. */
export interface InstructionSource {
  readonly keyword: string;
  readonly split: SplitInstruction;
  readonly heredocs: readonly Heredoc[];
  readonly escape: '\\' | '`';
  readonly located: {
    readonly range: SourceRange;
    readonly text: string;
    readonly comments?: readonly string[];
  };
  /** Puts an error on a part of the instruction. */
  readonly at: (error: TsbuildError, offset: number, length: number) => TsbuildError;
}

/** `fault`: the wrong words as written. */
export function syntaxError(message: string, hint?: string, fault?: string): TsbuildError {
  return new TsbuildError('DOCKERFILE_SYNTAX', message, { hint, fault });
}

export function flagsOf(source: InstructionSource, known: Readonly<Record<string, FlagKind>> = {}): Flags {
  return parseFlags(source.keyword, source.split.flags, known, (flag, error) =>
    source.at(error, flag.offset, flag.length),
  );
}

/** The one raw text of USER, WORKDIR, STOPSIGNAL and MAINTAINER. */
export function exactlyOne(source: InstructionSource): string {
  const { text } = source.split.rest;
  if (text !== '') return text;
  throw syntaxError(`${source.keyword} requires exactly one argument`);
}

export function atLeastOne(source: InstructionSource): string {
  const { text } = source.split.rest;
  if (text !== '') return text;
  throw syntaxError(`${source.keyword} requires at least one argument`);
}

/** A JSON array is the exec form; everything else, broken JSON too, is for the shell. */
export function commandOf(source: InstructionSource, text: string): Command {
  const argv = jsonStrings(text);
  if (argv !== undefined) return { form: 'exec', argv };
  return { form: 'shell', text, heredocs: source.heredocs };
}
