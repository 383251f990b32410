import { parseReference } from '../oci/index.ts';
import {
  alwaysTrue,
  boolean,
  exportFields,
  exportOf,
  fieldsOf,
  invalid,
  only,
  required,
  unknownType,
  type Given,
} from './spec-fields.ts';
import { isRequired, serviceFields, serviceOf } from './spec-services.ts';
import type { CacheExport, CacheImport, VerifySample } from './types.ts';

const defaultTag = 'latest';

/**
 * `type=registry,ref=NAME`, `type=local,src=FOLDER[,tag=TAG]`, a service (`type=gha`, `s3` or `azblob`), or a bare NAME of a
 * registry (O-16). Throws USAGE.
 */
export function parseCacheFrom(text: string): CacheImport {
  const given = fieldsOf('--cache-from', text);
  const { flag, type } = given;
  switch (type) {
    case 'registry':
    case 'inline':
      if (isSteps(given)) {
        only(given, ['ref', 'layout']);
        return { kind: 'steps', repository: repositoryOf(given) };
      }
      // An inline cache is found by the name of its image.
      only(given, ['ref', 'layout']);
      return { kind: 'registry', ref: reference(given) };
    case 'local':
      only(given, ['src', 'tag']);
      return { kind: 'local', src: required(given, 'src'), tag: tagOf(given) };
    case 'gha':
    case 's3':
    case 'azblob':
      // What is meant for writing may stand there, too: pipelines have one list of options for both.
      only(given, [...serviceFields[type], 'mode', 'ignore-error']);
      return { kind: 'service', service: serviceOf(type, given) };
    default:
      throw unknownType(flag, text, type);
  }
}

/**
 * `type=registry,ref=NAME`, `type=local,dest=FOLDER[,tag=TAG][,reset=true]`, `type=inline` a service
 * (`type=gha`, `s3` or `azblob`) or a bare NAME; with `mode=min|max`, `ignore-error=true`, `scope=NAME`, `compression=gzip|zstd|uncompressed` and `compression-level=N`, but for
 * `inline` (O-10 to O-15). Throws USAGE.
 */
export function parseCacheTo(text: string): CacheExport {
  const given = fieldsOf('--cache-to', text);
  const { flag, type } = given;
  switch (type) {
    case 'registry':
      if (isSteps(given)) {
        // What other builds put there stands beside it: there is nothing that a name would keep apart.
        only(given, ['ref', 'layout', ...exportFields.filter((name) => name !== 'scope')]);
        return { kind: 'steps', repository: repositoryOf(given), ...exportOf(given) };
      }
      // BuildKit's two switches ask for what is always so here.
      only(given, ['ref', 'layout', ...exportFields, 'image-manifest', 'oci-mediatypes']);
      alwaysTrue(given, 'image-manifest');
      alwaysTrue(given, 'oci-mediatypes');
      return { kind: 'registry', ref: reference(given), ...exportOf(given) };
    case 'local': {
      only(given, ['dest', 'tag', 'reset', ...exportFields, 'oci-mediatypes']);
      alwaysTrue(given, 'oci-mediatypes');
      const dest = required(given, 'dest');
      return { kind: 'local', dest, tag: tagOf(given), reset: boolean(given, 'reset'), ...exportOf(given) };
    }
    case 'inline':
      only(given, ['mode']);
      if ((given.fields.get('mode') ?? 'min') === 'min') return { kind: 'inline' };
      throw invalid(flag, text, 'mode=min: an image holds its own layers and no others');
    case 'gha':
    case 's3':
    case 'azblob': {
      only(given, [...new Set([...serviceFields[type], ...exportFields])]);
      const service = serviceOf(type, given);
      const { scope, ignoreError, ...rest } = exportOf(given);
      return {
        ...{ kind: 'service', service, ...rest },
        // The scope of type=gha names the cache, in which each build has a part of its own.
        scope: type === 'gha' ? undefined : scope,
        ignoreError: ignoreError || !isRequired(service),
      };
    }
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

/**
 * kaniko's `--cache-repo REPOSITORY`, for both directions (O-17): a tag for each step, and a cache that cannot be written is a
 * warning. Throws USAGE and REFERENCE_INVALID.
 */
export function parseCacheRepo(text: string): { readonly from: CacheImport; readonly to: CacheExport } {
  const given = { flag: '--cache-repo', text, type: 'registry', fields: new Map([['ref', text]]) };
  const steps = { kind: 'steps', repository: repositoryOf(given) } as const;
  const to = { ...steps, ...exportOf(given), mode: 'max', ignoreError: true } as const;
  return { from: steps, to };
}

function isSteps({ flag, text, fields }: Given): boolean {
  const layout = fields.get('layout') ?? 'manifest';
  if (layout === 'steps' || layout === 'manifest') return layout === 'steps';
  throw invalid(flag, text, 'layout=manifest, one for all, or layout=steps, a tag for each step');
}

function repositoryOf(given: Given): string {
  const ref = required(given, 'ref');
  const { tag, digest } = parseReference(ref);
  // A name without a tag is read as `latest`.
  if (digest === undefined && !ref.endsWith(`:${tag ?? ''}`)) return ref;
  throw invalid(given.flag, given.text, 'a repository without a tag: each step gets its own');
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
