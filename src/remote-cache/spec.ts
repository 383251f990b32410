import { nearestName, splitCsv, TsbuildError } from '../core/index.ts';
import { parseReference } from '../oci/index.ts';
import type { LayerForm } from '../image/index.ts';
import { highestLevels } from '../tar/index.ts';
import type { CacheExport, CacheImport, VerifySample } from './types.ts';

const defaultTag = 'latest';

/** `type=registry,ref=NAME`, `type=local,src=FOLDER[,tag=TAG]`, or a bare NAME of a registry (O-16). Throws USAGE. */
export function parseCacheFrom(text: string): CacheImport {
  const given = fieldsOf('--cache-from', text);
  const { flag, type } = given;
  switch (type) {
    case 'registry':
    case 'inline':
      // An inline cache is found by the name of its image.
      only(given, ['ref']);
      return { kind: 'registry', ref: reference(given) };
    case 'local':
      only(given, ['src', 'tag']);
      return { kind: 'local', src: required(given, 'src'), tag: tagOf(given) };
    default:
      throw unknownType(flag, text, type);
  }
}

/**
 * `type=registry,ref=NAME`, `type=local,dest=FOLDER[,tag=TAG][,reset=true]`, `type=inline` or a bare NAME; with
 * `mode=min|max`, `ignore-error=true`, `scope=NAME`, `compression=gzip|zstd|uncompressed` and `compression-level=N`, but for
 * `inline` (O-10 to O-12). Throws USAGE.
 */
export function parseCacheTo(text: string): CacheExport {
  const given = fieldsOf('--cache-to', text);
  const { flag, type } = given;
  const common = ['mode', 'ignore-error', 'scope', 'compression', 'compression-level'];
  switch (type) {
    case 'registry':
      // BuildKit's two switches ask for what is always so here.
      only(given, ['ref', ...common, 'image-manifest', 'oci-mediatypes']);
      alwaysTrue(given, 'image-manifest');
      alwaysTrue(given, 'oci-mediatypes');
      return { kind: 'registry', ref: reference(given), ...exportOf(given) };
    case 'local': {
      only(given, ['dest', 'tag', 'reset', ...common, 'oci-mediatypes']);
      alwaysTrue(given, 'oci-mediatypes');
      const dest = required(given, 'dest');
      return { kind: 'local', dest, tag: tagOf(given), reset: boolean(given, 'reset'), ...exportOf(given) };
    }
    case 'inline':
      only(given, ['mode']);
      if ((given.fields.get('mode') ?? 'min') === 'min') return { kind: 'inline' };
      throw invalid(flag, text, 'mode=min: an image holds its own layers and no others');
    default:
      throw unknownType(flag, text, type);
  }
}

/** `3` steps, or `10%` of them. Throws USAGE. */
export function parseVerifySample(text: string): VerifySample {
  const [, digits = '', percent] = /^(\d{1,6})(%?)$/.exec(text) ?? [];
  const number = Number(digits);
  if (digits !== '' && percent === '%' && number <= 100) return { kind: 'percent', percent: number };
  if (digits !== '' && percent === '') return { kind: 'count', count: number };
  throw invalid('--cache-verify', text, 'a number of steps, or a part of them as 10%');
}

interface Given {
  readonly flag: string;
  readonly text: string;
  readonly type: string;
  readonly fields: ReadonlyMap<string, string>;
}

function fieldsOf(flag: string, text: string): Given {
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

function exportOf(given: Given): Omit<Extract<CacheExport, { kind: 'registry' }>, 'kind' | 'ref'> {
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

function only({ flag, text, type, fields }: Given, known: readonly string[]): void {
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

function required({ flag, text, type, fields }: Given, name: string): string {
  const value = fields.get(name);
  if (value !== undefined && value !== '') return value;
  throw invalid(flag, text, `${name}=… with type=${type}`);
}

function reference(given: Given): string {
  const ref = required(given, 'ref');
  const parsed = parseReference(ref);
  if (parsed.digest !== undefined && given.flag === '--cache-to')
    throw invalid(given.flag, given.text, 'a name with a tag: the digest follows from the content');
  return ref;
}

function tagOf({ flag, text, fields }: Given): string {
  const tag = fields.get('tag') ?? defaultTag;
  if (/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(tag)) return tag;
  throw invalid(flag, text, 'a tag of letters, digits, ., _ and -');
}

function boolean({ flag, text, fields }: Given, name: string): boolean {
  const value = fields.get(name) ?? 'false';
  if (value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw invalid(flag, text, `${name}=true or ${name}=false`);
}

function alwaysTrue(given: Given, name: string): void {
  if (given.fields.has(name) && !boolean(given, name))
    throw invalid(given.flag, given.text, `${name}=true, as it always is`);
}

function unknownType(flag: string, text: string, type: string): TsbuildError {
  const known = ['registry', 'local', 'inline'];
  const near = nearestName(type, known);
  return invalid(flag, text, `type=${near ?? known.join(', ')}`);
}

function invalid(flag: string, text: string, expected: string): TsbuildError {
  return new TsbuildError('USAGE', `${flag}: invalid value ${JSON.stringify(text.slice(0, 300))}`, {
    hint: `expected ${expected}`,
  });
}
