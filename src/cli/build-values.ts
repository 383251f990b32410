import { nearestName, TsbuildError } from '../core/index.ts';
import type { Entitlement } from '../graph/index.ts';
import type { SecretSource } from '../ops/index.ts';

/** `K=V`, or `K` for the value of the environment; unset there, it stays unset (L-086). */
export function parseBuildArgs(values: readonly string[]): ReadonlyMap<string, string> {
  const result = new Map<string, string>();
  for (const text of values) {
    const { name, value } = splitAssignment('--build-arg', text);
    const given = value ?? process.env[name];
    // The last one counts, also when it has no value.
    if (given === undefined) result.delete(name);
    else result.set(name, given);
  }
  return result;
}

/** `K=V`; `K` alone is an empty value. */
export function parseLabel(text: string): readonly [string, string] {
  const { name, value } = splitAssignment('--label', text);
  return [name, value ?? ''];
}

function splitAssignment(
  flag: string,
  text: string,
): { readonly name: string; readonly value: string | undefined } {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  if (name === '') throw invalid(flag, text, 'NAME=VALUE');
  return { name, value: equals < 0 ? undefined : text.slice(equals + 1) };
}

const secretFields: ReadonlySet<string> = new Set(['id', 'src', 'source', 'env', 'type']);

/**
 * `id=x[,src=file|source=file][,env=VAR][,type=file|env]`; without a source, the variable of that name, else the file
 * (C-15).
 */
export function parseSecret(text: string): readonly [string, SecretSource] {
  const expected = 'id=NAME,src=FILE or id=NAME,env=VARIABLE';
  const fields = new Map<string, string>();
  for (const field of text.split(',')) {
    const [, name = '', value = ''] = /^([^=]*)=(.*)$/s.exec(field) ?? [];
    if (!secretFields.has(name.toLowerCase()) || value === '') throw invalid('--secret', text, expected);
    fields.set(name.toLowerCase(), value);
  }
  const [id, type] = [fields.get('id'), fields.get('type')];
  if (id === undefined || !['file', 'env', undefined].includes(type))
    throw invalid('--secret', text, expected);
  const source = fields.get('src') ?? fields.get('source');
  const variable = fields.get('env') ?? (type === 'env' ? (source ?? id) : undefined);
  if (variable !== undefined) return [id, { kind: 'env', name: variable }];
  if (source === undefined && type === undefined && process.env[id] !== undefined)
    return [id, { kind: 'env', name: id }];
  return [id, { kind: 'file', path: source ?? id }];
}

export function parseJobs(text: string): number {
  const jobs = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (jobs > 0) return jobs;
  throw invalid('--jobs', text, 'a whole number from 1');
}

/** Of buildx, for `--output`: nothing that a Dockerfile asks for. */
export const deletionAllowed = 'buildx.local.delete';

const entitlements: readonly Entitlement[] = ['network.host', 'security.insecure', 'device'];

/** `network.host`, several with commas or flags (C-28). */
export function parseAllow(values: readonly string[]): ReadonlySet<Entitlement> {
  return new Set(
    values
      .flatMap((text) => text.split(','))
      .filter((text) => text !== deletionAllowed)
      .map((text) => {
        const known = entitlements.find((each) => each === text);
        if (known !== undefined) return known;
        const near = nearestName(text, entitlements);
        throw invalid('--allow', text, near ?? entitlements.join(', '));
      }),
  );
}

/** Names of stages, without regard to case (C-07). */
export function parseNoCacheFilter(values: readonly string[]): ReadonlySet<string> {
  const names = values.flatMap((text) => text.split(','));
  if (names.includes('')) throw invalid('--no-cache-filter', values.join(','), 'names of stages');
  return new Set(names.map((name) => name.toLowerCase()));
}

function invalid(flag: string, text: string, expected: string): TsbuildError {
  return new TsbuildError('USAGE', `${flag}: invalid value ${JSON.stringify(text)}`, {
    hint: `expected ${expected}`,
  });
}
