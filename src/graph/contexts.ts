import { redactUrl, TsbuildError } from '../core/index.ts';
import {
  familiarName,
  formatPlatform,
  normalizePlatform,
  parsePlatform,
  parseReference,
} from '../oci/index.ts';
import type { Platform } from '../oci/types.ts';
import type { ContextReference, PlanOptions } from './types.ts';

/** Named contexts by their normal name, with `::os/arch` where they are for one platform alone. */
export type ContextIndex = ReadonlyMap<string, ContextReference>;

/** Nothing can be put in the place of these: the empty image, and the context of the command line. */
const reserved: ReadonlySet<string> = new Set(['scratch', 'context']);

/** Throws USAGE for a platform that is none. */
export function indexContexts(contexts: ReadonlyMap<string, ContextReference>): ContextIndex {
  return new Map(
    [...contexts].map(([key, reference]) => {
      const { name, platform } = splitKey(key);
      return [platform === undefined ? name : keyOf(name, parsePlatform(platform)), reference];
    }),
  );
}

/** What a name of FROM or `from` stands for: a context for this platform goes before one for all (L-102). */
export function findContext(
  contexts: ContextIndex,
  name: string,
  platform: Platform,
): ContextReference | undefined {
  const normal = normalName(name);
  if (reserved.has(normal)) return undefined;
  return contexts.get(keyOf(normal, platform)) ?? contexts.get(normal);
}

/** What is taken in its place; images have their rules where they are resolved. Throws POLICY_DENIED. */
export function ruledContext(
  reference: ContextReference,
  { rules }: Pick<PlanOptions, 'rules'>,
): ContextReference {
  if (rules === undefined) return reference;
  switch (reference.kind) {
    case 'local':
      rules.local(reference.name);
      return reference;
    case 'git':
      return { kind: 'git', source: rules.git(reference.source) };
    case 'http':
      return { kind: 'http', source: rules.http(reference.source) };
    case 'image':
    case 'layout':
      return reference;
  }
}

export function contextWarnings(contexts: ReadonlyMap<string, ContextReference>): readonly string[] {
  return [...contexts.keys()]
    .map((key) => splitKey(key).name)
    .filter((name) => reserved.has(name))
    .map((name) => `the build context ${name} has no effect: the name is reserved`);
}

/** For names of steps. */
export function describeContext(reference: ContextReference): string {
  switch (reference.kind) {
    case 'local':
      return 'a folder';
    case 'image':
      return `docker-image://${reference.reference}`;
    case 'layout':
      return `oci-layout://${reference.path}${layoutSuffix(reference.reference)}`;
    case 'git':
      return redactUrl(reference.source.remote);
    case 'http':
      return redactUrl(reference.source.url);
  }
}

function layoutSuffix(reference: string | undefined): string {
  if (reference === undefined) return '';
  return reference.includes(':') ? `@${reference}` : `:${reference}`;
}

function splitKey(key: string): { readonly name: string; readonly platform?: string } {
  const at = key.lastIndexOf('::');
  if (at < 0) return { name: normalName(key) };
  return { name: normalName(key.slice(0, at)), platform: key.slice(at + 2) };
}

function keyOf(name: string, platform: Platform): string {
  return `${name}::${formatPlatform(normalizePlatform(platform))}`;
}

/** `debian` is also `docker.io/library/debian:latest`. Letters of a tag keep their case, those of a name have none. */
function normalName(name: string): string {
  for (const spelling of [name, name.toLowerCase()]) {
    try {
      return familiarName(parseReference(spelling)).replace(/:latest$/, '');
    } catch (error) {
      if (!(error instanceof TsbuildError)) throw error;
    }
  }
  return name.toLowerCase();
}
