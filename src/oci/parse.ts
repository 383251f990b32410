import type * as z from 'zod/mini';

import { TsbuildError } from '../core/index.ts';
import { maxConfigBytes, maxManifestBytes, parseBoundedJson } from './bounded-json.ts';
import { runtimeConfigSchema } from './runtime-schema.ts';
import type { RuntimeConfig } from './runtime-spec.ts';
import {
  dockerArchiveSchema,
  imageConfigSchema,
  indexSchema,
  manifestSchema,
  type DockerArchiveImage,
} from './schemas.ts';
import { mediaTypes, type ImageConfig, type Index, type Manifest } from './types.ts';

export type ManifestOrIndex =
  | { readonly kind: 'manifest'; readonly manifest: Manifest; readonly mediaType: string }
  | { readonly kind: 'index'; readonly index: Index; readonly mediaType: string };

type Kind = ManifestOrIndex['kind'];

const kindOfMediaType: Readonly<Partial<Record<string, Kind>>> = {
  [mediaTypes.manifest]: 'manifest',
  [mediaTypes.dockerManifest]: 'manifest',
  [mediaTypes.index]: 'index',
  [mediaTypes.dockerList]: 'index',
};

/** What servers send that know nothing of images: it says nothing. */
const meaninglessTypes = new Set(['', 'application/json', 'text/plain', 'application/octet-stream']);

const documentMembers = [
  'schemaVersion',
  'mediaType',
  'config',
  'layers',
  'manifests',
  'fsLayers',
  'subject',
];

/**
 * A manifest, or an index of manifests, whichever the bytes are. `contentType` is what the descriptor or the server calls
 * them. Bytes that can be read as both, or are called one and look like the other, are refused: two tools would see two
 * images under one digest (CVE-2021-41190). Throws IMAGE_INVALID.
 */
export function parseManifestOrIndex(bytes: Uint8Array, contentType?: string): ManifestOrIndex {
  const what = 'the manifest';
  const document = asObject(parseBoundedJson(bytes, { what, limit: maxManifestBytes }), what);
  refuseSchema1(document);
  refuseAmbiguousMembers(document);

  const kind: Kind = document['manifests'] === undefined ? 'manifest' : 'index';
  const given = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const outside = meaninglessTypes.has(given) ? undefined : given;
  const inside = typeof document['mediaType'] === 'string' ? document['mediaType'] : undefined;
  if (outside !== undefined && inside !== undefined && outside !== inside) {
    throw invalid(`the manifest calls itself ${inside} and was given as ${outside}`);
  }
  const mediaType = outside ?? inside ?? (kind === 'manifest' ? mediaTypes.manifest : mediaTypes.index);
  if (kindOfMediaType[mediaType] === undefined) throw invalid(`${mediaType} is not the type of a manifest`);
  if (kindOfMediaType[mediaType] !== kind)
    throw invalid(`the manifest is called ${mediaType} but has the form of an ${kind}`);

  return kind === 'manifest'
    ? { kind, manifest: check(manifestSchema, document, what), mediaType }
    : { kind, index: check(indexSchema, document, 'the index'), mediaType };
}

/** The manifest of one image, OCI or Docker schema 2. Throws IMAGE_INVALID; for an index too. */
export function parseManifest(bytes: Uint8Array, contentType?: string): Manifest {
  const parsed = parseManifestOrIndex(bytes, contentType);
  if (parsed.kind === 'manifest') return parsed.manifest;
  throw invalid('expected the manifest of one image, got an index');
}

/** An OCI index or a Docker manifest list. Throws IMAGE_INVALID. */
export function parseIndex(bytes: Uint8Array, contentType?: string): Index {
  const parsed = parseManifestOrIndex(bytes, contentType);
  if (parsed.kind === 'index') return parsed.index;
  throw invalid('expected an index, got the manifest of one image');
}

/** The config of an image; members that no schema names are kept. Throws IMAGE_INVALID. */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const what = 'the image config';
  return check(imageConfigSchema, parseBoundedJson(bytes, { what, limit: maxConfigBytes }), what);
}

/** manifest.json of a docker archive. The paths in it are foreign: they name entries of the archive, never files. */
export function parseDockerArchiveManifest(bytes: Uint8Array): readonly DockerArchiveImage[] {
  const what = 'manifest.json of the docker archive';
  return check(dockerArchiveSchema, parseBoundedJson(bytes, { what, limit: maxManifestBytes }), what);
}

/** config.json of a runtime bundle. Throws IMAGE_INVALID. */
export function parseRuntimeConfig(bytes: Uint8Array): RuntimeConfig {
  const what = 'the runtime config';
  return check(runtimeConfigSchema(), parseBoundedJson(bytes, { what, limit: maxConfigBytes }), what);
}

function refuseSchema1(document: Readonly<Record<string, unknown>>): void {
  if (document['schemaVersion'] !== 1) return;
  throw new TsbuildError('IMAGE_INVALID', 'the manifest has the old Docker schema 1', {
    hint: 'push the image again with a current tool: its layers cannot be verified in this form',
  });
}

function refuseAmbiguousMembers(document: Readonly<Record<string, unknown>>): void {
  // Go reads members whatever their case, so that "Layers" beside "layers" is another image there.
  const misspelled = Object.keys(document).find(
    (key) =>
      !documentMembers.includes(key) &&
      documentMembers.some((name) => name.toLowerCase() === key.toLowerCase()),
  );
  if (misspelled !== undefined)
    throw invalid(`the manifest has an ambiguous member ${JSON.stringify(misspelled)}`);
  const shapes = ['layers', 'manifests', 'fsLayers'].filter((member) => document[member] !== undefined);
  if (shapes.length > 1) throw invalid(`the manifest is ambiguous: it has both ${shapes.join(' and ')}`);
  if (document['config'] !== undefined && document['manifests'] !== undefined) {
    throw invalid('the manifest is ambiguous: it has both config and manifests');
  }
}

function asObject(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw invalid(`${what} is not a JSON object`);
}

function check<T>(schema: z.ZodMiniType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const all = result.error.issues.map((issue) => `${pathText(issue.path)}${describe(issue)}`);
  const more = all.length > 3 ? `, and ${all.length - 3} more` : '';
  throw invalid(`${what} is invalid: ${all.slice(0, 3).join('; ')}${more}`);
}

function pathText(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return text === '' ? '' : `${text.replace(/^\./, '').slice(0, 200)}: `;
}

function describe(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `expected ${issue.expected}`;
  if (issue.code === 'invalid_value')
    return `expected ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
  return issue.code === 'too_small' ? 'too small' : issue.message;
}

function invalid(message: string): TsbuildError {
  return new TsbuildError('IMAGE_INVALID', message);
}
