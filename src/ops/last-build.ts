import { resolve } from 'node:path';

import {
  canonicalJson,
  digestOf,
  digestParts,
  isJsonObject,
  redactUrl,
  type Digest,
  type Json,
  type StepReport,
} from '../core/index.ts';
import type { Store } from '../store/index.ts';

/** Changes with what the members of a record mean: one of another version is none. */
const version = 1;

/** What builds are compared with each other: those of one Dockerfile with one context. Absolute paths, or URLs, or `-`. */
export interface BuildScope {
  readonly file: string;
  readonly context: string;
}

/** What is compared with what, when a miss is explained: builds of one Dockerfile with one context. */
export function scopeOf(file: string, context: string): BuildScope {
  return { file: file === 'stdin' ? '-' : buildPlace(file), context: buildPlace(context) };
}

/** As builds are remembered by: an absolute path, or what is none as it is, without a password. */
export function buildPlace(name: string): string {
  return name === '-' || /^[a-z+]+:\/\/|^git@/.test(name) ? redactUrl(name) : resolve(name);
}

/** How the last build of a Dockerfile and a context fared. */
export interface LastBuild extends BuildScope {
  /** ISO 8601. */
  readonly started: string;
  readonly milliseconds: number;
  /** The image; undefined for a build that failed. */
  readonly image: Digest | undefined;
  /** In the order in which they ended. */
  readonly steps: readonly StepReport[];
}

/** In the place of the one before. */
export async function keepLastBuild(store: Store, build: LastBuild): Promise<void> {
  const { file, context, started, milliseconds, image, steps } = build;
  const kept = { version, file, context, started, milliseconds, image: image ?? null, steps };
  await store.records.put('builds', keyOf(build), JSON.parse(JSON.stringify(kept)) as Json);
}

/** Undefined when there was none that the store still knows. */
export async function lastBuild(store: Store, scope: BuildScope): Promise<LastBuild | undefined> {
  return fromJson(await store.records.get('builds', keyOf(scope)));
}

/** All that the store knows of, newest first. */
export async function lastBuilds(store: Store): Promise<readonly LastBuild[]> {
  const builds: LastBuild[] = [];
  for await (const key of store.records.list('builds')) {
    const build = fromJson(await store.records.get('builds', key));
    if (build !== undefined) builds.push(build);
  }
  return builds.toSorted((one, other) => other.started.localeCompare(one.started));
}

function keyOf({ file, context }: BuildScope): string {
  return digestParts(digestOf(canonicalJson({ file, context }))).hex;
}

/** Only this version of `keepLastBuild` writes such records, and the store vouches that they are whole. */
function fromJson(value: Json | undefined): LastBuild | undefined {
  if (!isJsonObject(value) || value['version'] !== version) return undefined;
  const kept = value as unknown as Omit<LastBuild, 'image'> & { readonly image: Digest | null };
  return { ...kept, image: kept.image ?? undefined };
}
