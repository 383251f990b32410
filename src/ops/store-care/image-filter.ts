import { TsbuildError } from '../../core/index.ts';

/** Which images a prune takes; all of them have to hold. */
export interface ImageFilter {
  /** Created before: milliseconds since the epoch. */
  readonly until?: number | undefined;
  readonly labels: readonly LabelFilter[];
  /** What `dangling=` said: whether images with a name stay. */
  readonly dangling?: boolean | undefined;
}

export interface LabelFilter {
  readonly name: string;
  /** Undefined for any. */
  readonly value?: string | undefined;
  /** False for images that do not have it. */
  readonly has: boolean;
}

/** Values of docker's `--filter`: `until=24h`, `label=a`, `label=a=b`, `label!=a=b`, `dangling=true`. Throws USAGE. */
export function parseImageFilters(
  texts: readonly string[],
  parseUntil: (text: string) => number,
): ImageFilter {
  let until: number | undefined;
  let dangling: boolean | undefined;
  const labels: LabelFilter[] = [];
  for (const text of texts) {
    const [, kind = '', operator = '', rest = ''] = /^(until|label|dangling)(!?=)(.+)$/s.exec(text) ?? [];
    if (kind === 'label') {
      const equals = rest.indexOf('=');
      const name = equals < 0 ? rest : rest.slice(0, equals);
      labels.push({ name, value: equals < 0 ? undefined : rest.slice(equals + 1), has: operator === '=' });
    } else if (kind === 'until' && operator === '=') until = Math.min(until ?? Infinity, parseUntil(rest));
    else if (kind === 'dangling' && operator === '=' && /^(true|1|false|0)$/.test(rest))
      dangling = rest === 'true' || rest === '1';
    else throw invalid(text);
  }
  return { until, labels, dangling };
}

export function matchesLabel(
  { name, value, has }: LabelFilter,
  labels: Readonly<Record<string, string>>,
): boolean {
  const found = Object.hasOwn(labels, name) ? labels[name] : undefined;
  return (found !== undefined && (value === undefined || found === value)) === has;
}

function invalid(text: string): TsbuildError {
  return new TsbuildError('USAGE', `--filter: invalid value ${JSON.stringify(text)}`, {
    hint: 'expected until=24h, label=name, label=name=value, label!=name or dangling=true',
  });
}
