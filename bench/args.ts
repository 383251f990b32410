import { parseArgs } from 'node:util';

export interface BenchArgs {
  /** Groups of cases; all, if empty. */
  readonly groups: readonly string[];
  readonly rounds: number;
  readonly scale: number;
  readonly tools: readonly string[];
  /** Release whose Docker engine is timed; `system`: the installed one. */
  readonly engine: string;
  /** Another checkout of tsbuild, built, that is timed as `before`. */
  readonly beside: string | undefined;
  /** Gets every single measurement. */
  readonly json: string | undefined;
}

export function benchArgs(argv: readonly string[]): BenchArgs {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '3' },
      scale: { type: 'string', default: '1' },
      tools: { type: 'string', default: 'tsbuild,docker,buildah' },
      engine: { type: 'string', default: 'trixie' },
      beside: { type: 'string' },
      json: { type: 'string' },
    },
  });
  return {
    groups: positionals,
    rounds: wholeNumber('--rounds', values.rounds),
    scale: wholeNumber('--scale', values.scale),
    tools: values.tools.split(','),
    engine: values.engine,
    beside: values.beside,
    json: values.json,
  };
}

function wholeNumber(flag: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new Error(`${flag}: not a number: ${text}`);
  return number;
}
