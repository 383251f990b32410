import { readFileSync } from 'node:fs';

import { TsbuildError } from '../core/index.ts';

/** `-e NAME=value`, or `-e NAME` for the value here; unset here, it is not passed at all. */
export function parseEnv(text: string): readonly string[] {
  if (text.startsWith('=') || text === '') {
    throw new TsbuildError('USAGE', `--env: invalid value ${JSON.stringify(text)}`, {
      hint: 'expected NAME=VALUE or NAME',
    });
  }
  return fromEnvironment(text);
}

/** Variables of a file; see `readPairs`. */
export function readEnvFile(path: string): readonly string[] {
  return readPairs('--env-file', path).flatMap(fromEnvironment);
}

/** docker's format: `NAME=VALUE` or `NAME` a line, `#` comments, no quoting, blanks in values are part of them. */
export function readPairs(flag: string, path: string): readonly string[] {
  return readText(flag, path)
    .replace(/^\ufeff/, '')
    .split('\n')
    .map((line) => line.trimStart().replace(/\r$/, ''))
    .flatMap((line, index) => {
      if (line === '' || line.startsWith('#')) return [];
      const name = line.replace(/=.*/s, '');
      if (name === '' || /\s/.test(name)) {
        throw new TsbuildError('USAGE', `${flag}: line ${index + 1} of ${path} has no name`, {
          hint: 'expected NAME=VALUE or NAME, without blanks in the name',
        });
      }
      return [line];
    });
}

function readText(flag: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new TsbuildError('USAGE', `${flag}: cannot read ${path}: ${why}`, { cause: error });
  }
}

function fromEnvironment(text: string): readonly string[] {
  if (text.includes('=')) return [text];
  const value = process.env[text];
  return value === undefined ? [] : [`${text}=${value}`];
}

/** `name=value` or `name`; of a name given twice the last one counts. Throws USAGE. */
export function parseLabels(flag: string, texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((text): readonly [string, string] => {
      const equals = text.indexOf('=');
      const name = equals < 0 ? text : text.slice(0, equals);
      if (name !== '') return [name, equals < 0 ? '' : text.slice(equals + 1)];
      throw new TsbuildError('USAGE', `${flag}: invalid value ${JSON.stringify(text)}`, {
        hint: 'expected name=value or name',
      });
    }),
  );
}
