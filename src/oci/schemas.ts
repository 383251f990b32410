import * as z from 'zod/mini';

import { isDigest, type Digest } from '../core/index.ts';
import type {
  ContainerDefaults,
  Descriptor,
  Healthcheck,
  HistoryEntry,
  ImageConfig,
  Index,
  Manifest,
} from './types.ts';

// Go writes an empty list or map as null, and older Docker versions a single word for a list of one.
const string = z.string();
const strings = z.array(string);
const words = z.union([
  strings,
  z.pipe(
    string,
    z.transform((word) => [word]),
  ),
]);
const stringMap = z.record(string, string);
const emptyObjects = z.record(
  string,
  z.pipe(
    z.unknown(),
    z.transform((): Record<string, never> => ({})),
  ),
);
const size = z.int().check(z.minimum(0));
const digest = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), {
  error: 'not a digest',
});

/** Null reads as absent. */
function maybe<T extends z.core.$ZodType>(schema: T) {
  return z.optional(
    z.pipe(
      z.nullable(schema),
      z.transform((value) => value ?? undefined),
    ),
  );
}

/** Null reads as the empty list. */
function list<T extends z.core.$ZodType>(schema: T) {
  return z.pipe(
    z.nullable(z.array(schema)),
    z.transform((value) => value ?? []),
  );
}

const platform = z.looseObject({
  os: string,
  architecture: string,
  variant: maybe(string),
  'os.version': maybe(string),
  'os.features': maybe(strings),
});

/** image-spec descriptor.md. */
export const descriptorSchema: z.ZodMiniType<Descriptor> = z.looseObject({
  mediaType: string.check(z.minLength(1)),
  digest,
  size,
  urls: maybe(strings),
  annotations: maybe(stringMap),
  platform: maybe(platform),
  artifactType: maybe(string),
  data: maybe(string),
});

/** image-spec manifest.md and Docker's image manifest version 2, schema 2. */
export const manifestSchema: z.ZodMiniType<Manifest> = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: maybe(string),
  artifactType: maybe(string),
  config: descriptorSchema,
  layers: list(descriptorSchema),
  subject: maybe(descriptorSchema),
  annotations: maybe(stringMap),
});

/** image-spec image-index.md and Docker's manifest list. */
export const indexSchema: z.ZodMiniType<Index> = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: maybe(string),
  manifests: list(descriptorSchema),
  annotations: maybe(stringMap),
});

const duration = z.number();

const healthcheck: z.ZodMiniType<Healthcheck> = z.looseObject({
  Test: maybe(strings),
  Interval: maybe(duration),
  Timeout: maybe(duration),
  StartPeriod: maybe(duration),
  StartInterval: maybe(duration),
  Retries: maybe(z.int()),
});

const containerDefaults: z.ZodMiniType<ContainerDefaults> = z.looseObject({
  User: maybe(string),
  ExposedPorts: maybe(emptyObjects),
  Env: maybe(strings),
  Entrypoint: maybe(words),
  Cmd: maybe(words),
  ArgsEscaped: maybe(z.boolean()),
  Volumes: maybe(emptyObjects),
  WorkingDir: maybe(string),
  Labels: maybe(stringMap),
  StopSignal: maybe(string),
  Healthcheck: maybe(healthcheck),
  Shell: maybe(strings),
  OnBuild: maybe(strings),
});

const historyEntry: z.ZodMiniType<HistoryEntry> = z.looseObject({
  created: maybe(string),
  created_by: maybe(string),
  author: maybe(string),
  comment: maybe(string),
  empty_layer: maybe(z.boolean()),
});

/** image-spec config.md. Docker leaves diff_ids out where there is no layer. */
export const imageConfigSchema: z.ZodMiniType<ImageConfig> = z.looseObject({
  ...platform.shape,
  os: string.check(z.minLength(1)),
  architecture: string.check(z.minLength(1)),
  created: maybe(string),
  author: maybe(string),
  config: maybe(containerDefaults),
  rootfs: z.looseObject({
    type: z.literal('layers'),
    diff_ids: z.pipe(
      maybe(z.array(digest)),
      z.transform((value) => value ?? []),
    ),
  }),
  history: maybe(z.array(historyEntry)),
});

/** One image of a docker archive's manifest.json. */
export interface DockerArchiveImage {
  /** Path of the config within the archive. */
  readonly Config: string;
  readonly RepoTags: readonly string[];
  /** Paths of the layers within the archive, bottom first. */
  readonly Layers: readonly string[];
}

/** manifest.json of `docker save` (moby image/tarexport). */
export const dockerArchiveSchema: z.ZodMiniType<readonly DockerArchiveImage[]> = z.array(
  z.looseObject({ Config: string, RepoTags: list(string), Layers: list(string) }),
);
