import { TsbuildError } from '../../core/index.ts';
import { cacheTypes, type CacheType } from './step-text.ts';

/** What of the cache may be pruned; all of it by default. */
export interface PruneFilter {
  /** Last used before: milliseconds since the epoch. */
  readonly until?: number | undefined;
  /** Any of them. */
  readonly types?: ReadonlySet<CacheType> | undefined;
  /** Beginnings of ids; any of them. */
  readonly ids?: readonly string[] | undefined;
}

/** Values of `--filter`: `until=24h`, `type=exec.cachemount`, `id=0123`. Those of one kind add up. Throws USAGE. */
export function parsePruneFilters(
  texts: readonly string[],
  parseUntil: (text: string) => number,
): PruneFilter {
  let until: number | undefined;
  const types = new Set<CacheType>();
  const ids: string[] = [];
  for (const text of texts) {
    // buildctl writes type==source.local.
    const [, name = '', value = ''] = /^(\w+)==?(.+)$/s.exec(text) ?? [];
    if (name === 'until' || name === 'unused') until = Math.min(until ?? Infinity, parseUntil(value));
    else if (name === 'type') types.add(typeNamed(value));
    else if (name === 'id' && /^[0-9a-f-]{1,64}$/.test(value)) ids.push(value.slice(0, 12));
    else throw invalid(text);
  }
  return {
    until,
    types: types.size === 0 ? undefined : types,
    ids: ids.length === 0 ? undefined : ids,
  };
}

export function matches(
  filter: PruneFilter,
  entry: { readonly id: string; readonly type: CacheType; readonly used: number },
): boolean {
  if (filter.until !== undefined && entry.used >= filter.until) return false;
  if (filter.types?.has(entry.type) === false) return false;
  return filter.ids?.some((id) => entry.id.startsWith(id)) ?? true;
}

function typeNamed(value: string): CacheType {
  const type = cacheTypes.find((known) => known === value);
  if (type === undefined)
    throw new TsbuildError('USAGE', `--filter: no such type: ${JSON.stringify(value)}`, {
      hint: `there are ${cacheTypes.join(', ')}`,
    });
  return type;
}

function invalid(text: string): TsbuildError {
  return new TsbuildError('USAGE', `--filter: invalid value ${JSON.stringify(text)}`, {
    hint: 'expected until=24h, type=exec.cachemount or id=<id>, as `tsbuild du --verbose` shows them',
  });
}
