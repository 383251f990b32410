import { nearestName, splitCsv, TsbuildError } from '../core/index.ts';
import type { LayerForm } from '../image/index.ts';
import { highestLevels } from '../tar/index.ts';
import type { CacheExport } from './types.ts';

/** What may stand with every kind of export. */
export const exportFields: readonly string[] = [
  'mode',
  'ignore-error',
  'scope',
  'compression',
  'compression-level',
];

export interface Given {
  readonly flag: string;
  readonly text: string;
  readonly type: string;
  readonly fields: ReadonlyMap<string, string>;
}

export function fieldsOf(flag: string, text: string): Given {
  const words = splitCsv(text) ?? [];
  const [bare = ''] = words;
  // A name of an image has no equals sign.
  if (words.length === 1 && bare !== '' && !bare.includes('='))
    return { flag, text, type: 'registry', fields: new Map([['ref', bare]]) };
  const fields = new Map<string, string>();
  for (const word of words) {
    const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(word) ?? [];
    if (name === '' || fields.has(name)) throw invalid(flag, text, 'type=registry,ref=NAME or the like');
    fields.set(name, value);
  }
  const type = fields.get('type');
  fields.delete('type');
  if (type === undefined) throw invalid(flag, text, 'type=registry, type=local or type=inline');
  return { flag, text, type, fields };
}

export function exportOf(given: Given): Omit<Extract<CacheExport, { kind: 'registry' }>, 'kind' | 'ref'> {
  const mode = given.fields.get('mode') ?? 'min';
  if (mode !== 'min' && mode !== 'max') throw invalid(given.flag, given.text, 'mode=min or mode=max');
  const scope = given.fields.get('scope');
  if (scope !== undefined && !/^[\x21-\x7e]{1,128}$/.test(scope))
    throw invalid(given.flag, given.text, 'a scope of at most 128 letters without blanks');
  return { mode, ignoreError: boolean(given, 'ignore-error'), scope, form: formOf(given) };
}

function formOf(given: Given): LayerForm {
  const text = given.fields.get('compression') ?? 'gzip';
  const compression = text === 'uncompressed' ? 'none' : text;
  if (compression !== 'gzip' && compression !== 'zstd' && compression !== 'none')
    throw invalid(given.flag, given.text, 'compression=gzip, zstd or uncompressed');
  const level = given.fields.get('compression-level');
  if (level === undefined) return { compression };
  const most = highestLevels[compression === 'zstd' ? 'zstd' : 'gzip'];
  const number = /^\d{1,2}$/.test(level) ? Number(level) : 0;
  if (compression === 'none' || number < 1 || number > most)
    throw invalid(given.flag, given.text, `compression-level=1 to ${most}, with a compression`);
  return { compression, level: number };
}

export function only({ flag, text, type, fields }: Given, known: readonly string[]): void {
  for (const name of fields.keys()) {
    if (known.includes(name)) continue;
    const near = nearestName(name, known);
    throw invalid(
      flag,
      text,
      `${near === undefined ? '' : `${near}; `}type=${type} takes ${known.join(', ')}`,
    );
  }
}

export function required({ flag, text, type, fields }: Given, name: string): string {
  const value = fields.get(name);
  if (value !== undefined && value !== '') return value;
  throw invalid(flag, text, `${name}=… with type=${type}`);
}

export function boolean({ flag, text, fields }: Given, name: string): boolean {
  const value = fields.get(name) ?? 'false';
  if (value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw invalid(flag, text, `${name}=true or ${name}=false`);
}

export function alwaysTrue(given: Given, name: string): void {
  if (given.fields.has(name) && !boolean(given, name))
    throw invalid(given.flag, given.text, `${name}=true, as it always is`);
}

export function unknownType(flag: string, text: string, type: string): TsbuildError {
  const known = ['registry', 'local', 'inline', 'gha', 's3', 'azblob'];
  const near = nearestName(type, known);
  return invalid(flag, text, `type=${near ?? known.join(', ')}`);
}

export function invalid(flag: string, text: string, expected: string): TsbuildError {
  return new TsbuildError(
    'USAGE',
    `${flag}: invalid value ${JSON.stringify(withoutSecrets(text).slice(0, 300))}`,
    {
      hint: `expected ${expected}`,
    },
  );
}

const secretNames = /token|key|secret|sas|sig|pass|url/i;

/** Logs of pipelines are read by many, and keep what an error repeats. */
function withoutSecrets(text: string): string {
  let isSecret = false;
  const words = (splitCsv(text) ?? text.split(',')).map((word) => {
    const name = /^[^=]*(?==)/.exec(word)?.[0];
    // What has no name may be the rest of a value with a comma in it.
    isSecret = name === undefined ? isSecret : secretNames.test(name);
    if (!isSecret) return word;
    return name === undefined ? '…' : `${name}=…`;
  });
  return words.join(',');
}
