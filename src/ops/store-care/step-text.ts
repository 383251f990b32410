import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../core/index.ts';

/** As buildctl calls them, where it has a word for it. */
export const cacheTypes = [
  'regular',
  'source.local',
  'source.git.checkout',
  'source.git',
  'source.http',
  'exec.cachemount',
] as const;

export type CacheType = (typeof cacheTypes)[number];
export type StepType = Extract<CacheType, 'regular' | 'source.local' | 'source.git.checkout' | 'source.http'>;

export function stepType(parts: JsonObject): StepType {
  switch (textOf(parts['op'])) {
    case 'local':
      return 'source.local';
    case 'git':
      return 'source.git.checkout';
    case 'http':
      return 'source.http';
    default:
      return 'regular';
  }
}

/** What a step does, from the parts of its key, in one line. */
export function stepText(parts: JsonObject): string {
  const text = (name: string): string => textOf(parts[name]);
  const op = text('op');
  switch (op) {
    case 'run':
      return `RUN ${commandOf(parts)}`;
    case 'copy':
      return `${text('instruction') || 'COPY'} ${[...sourcesOf(parts['origins']), text('destination')].join(' ')}`;
    case 'workdir':
      return `WORKDIR ${text('path')}`;
    case 'image':
      return `FROM ${text('chain').slice(0, 19) || 'an empty image'}`;
    case 'merge':
      return 'COPY --link';
    case 'local':
      return 'files of the context';
    case 'git':
      return `git commit ${text('commit')}`;
    case 'http':
      return `download ${text('url') || text('name') || text('digest').slice(0, 19)}`;
    case 'scratch':
      return 'FROM scratch';
    default:
      return op;
  }
}

function commandOf({ argv, script }: JsonObject): string {
  if (typeof script === 'string') return 'a script';
  const words = isJsonArray(argv ?? null) ? (argv as readonly Json[]).map(textOf) : [];
  return words.length === 3 && words[1] === '-c' ? (words[2] ?? '') : words.join(' ');
}

function sourcesOf(origins: Json | undefined): readonly string[] {
  if (!isJsonArray(origins ?? null)) return [];
  return (origins as readonly Json[]).flatMap((origin) => {
    const paths = isJsonObject(origin) ? origin['paths'] : undefined;
    return isJsonArray(paths ?? null) ? (paths as readonly Json[]).map(textOf) : [];
  });
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
