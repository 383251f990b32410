import { basename, isAbsolute, relative } from 'node:path';

import {
  fromErrno,
  redactUrl,
  TsbuildError,
  type Digest,
  type EmitBuildEvent,
  type Json,
} from '../core/index.ts';
import {
  familiarName,
  formatPlatform,
  parseReference,
  type Descriptor,
  type Platform,
} from '../oci/index.ts';
import { placeName } from '../object-store/index.ts';
import type { SettledState, State, StoreCache } from '../ops/index.ts';
import type { Snapshotter } from '../snapshot/index.ts';
import { defaultRetryPolicy } from '../registry/index.ts';
import type { ResultCache, Vertex } from '../solver/index.ts';
import type { Lease, Store } from '../store/index.ts';
import { harvest, within, type Harvest } from './collect.ts';
import { exportToFolder } from './export-local.ts';
import { exportToPlace } from './export-place.ts';
import { exportToRegistry, type ExportJob } from './export-registry.ts';
import { exportSteps } from './export-steps.ts';
import { LayerFetcher } from './fetch.ts';
import { ForeignCaches } from './foreign.ts';
import { inlineCache } from './inline.ts';
import { LayeredCache } from './layered-cache.ts';
import { openSource } from './source.ts';
import { repositoryOfSteps } from './steps.ts';
import type { CacheExport, CacheImport, VerifySample } from './types.ts';
import { verifyImported } from './verify.ts';

/** What is asked of caches elsewhere. */
export interface CacheWishes {
  /** In the order in which they are asked. */
  readonly from: readonly CacheImport[];
  readonly to: readonly CacheExport[];
  readonly verify?: VerifySample | undefined;
}

export interface BuildCachesOptions extends CacheWishes {
  readonly store: Store;
  readonly snapshotter: Snapshotter;
  readonly lease: Lease;
  readonly own: StoreCache;
  /** Layers of the base images by diff id. */
  readonly bases: ReadonlyMap<Digest, Descriptor>;
  readonly platforms: readonly Platform[];
  /** Names the build among those that share a cache. */
  readonly build: { readonly file: string; readonly context: string; readonly target: string | undefined };
  readonly signal: AbortSignal;
  readonly emit: EmitBuildEvent;
}

/** The caches of one build. */
export interface BuildCaches {
  /** For the solver. */
  readonly cache: ResultCache<State>;
  /** Makes a sample of what was imported again, once all is solved. Throws CACHE_MISMATCH. */
  verify(targets: readonly Vertex<State>[], jobs: number): Promise<void>;
  /** Members of an image's config, where a cache is to stand in it. */
  inline(state: SettledState): Promise<Readonly<Record<string, Json>>>;
  /** Puts the results where they were wished, once all is solved. */
  export(states: readonly State[]): Promise<void>;
}

/** Reads nothing yet: sources are asked when the store has no answer. */
export function openBuildCaches(options: BuildCachesOptions): BuildCaches {
  const { store, snapshotter, lease, own, bases, platforms, signal, emit } = options;
  const platform = platforms.map(formatPlatform).join(',');
  const scope = defaultScope(options.build);
  const foreign = new ForeignCaches({
    sources: options.from.map((spec) => openSource(spec, { signal, retry: brisk, stall: 20_000 })),
    ...{ platforms, platform, signal, emit },
    scopes: new Set([
      scope,
      ...options.to.flatMap((spec) => (spec.kind === 'inline' ? [] : (spec.scope ?? []))),
    ]),
  });
  const fetcher = new LayerFetcher({ store, lease, bases });
  const cache = new LayeredCache({ store, snapshotter, lease, own, foreign, fetcher, signal });
  let harvested: Promise<Harvest> | undefined;
  // The target first: what does not fit into a cache is what was left for the last.
  const all = (): Promise<Harvest> =>
    (harvested ??= harvest({ own, foreign, keys: keysOf(cache).toReversed() }));
  return {
    cache,
    async verify(targets, jobs) {
      const { verify } = options;
      if (verify !== undefined)
        await verifyImported({
          targets,
          cache,
          own,
          foreign,
          snapshotter,
          sample: verify,
          jobs,
          signal,
          emit,
        });
    },
    async inline(state) {
      if (!options.to.some(({ kind }) => kind === 'inline')) return {};
      const layers = state.layers.map(({ diffId, created }) => ({ diffId, created, blob: undefined }));
      return inlineCache(within(await all(), state).records, layers);
    },
    async export(solved) {
      const states = await Promise.all(solved.map(({ settled }) => settled));
      for (const spec of options.to) {
        if (spec.kind === 'inline') continue;
        const part = { scope: spec.scope ?? scope, platform, exported: new Date().toISOString() };
        const warn = (message: string): void => emit({ type: 'warning', message });
        const job = { store, fetcher, part, warn, options: { signal } };
        await carryOut(spec, { ...job, harvest: wanted(await all(), spec.mode, states) });
      }
    },
  };
}

/** A build can do without what is hard to get: it waits less than one that pulls its base. */
const brisk = { ...defaultRetryPolicy, tries: 3 };

async function carryOut(spec: Exclude<CacheExport, { kind: 'inline' }>, job: ExportJob): Promise<void> {
  const name = nameOf(spec);
  try {
    if (spec.kind === 'local') await exportToFolder(spec, job);
    else if (spec.kind === 'service') await exportToPlace(spec, job);
    else if (spec.kind === 'steps') await exportSteps(spec, job);
    else await exportToRegistry(spec, job);
  } catch (thrown) {
    const error = fromErrno(thrown, `writing the cache ${name}`);
    const ignored = spec.ignoreError && error instanceof TsbuildError && error.code !== 'INTERRUPTED';
    if (!ignored) throw error;
    job.warn(`the cache ${name} was not written: ${error.message}`);
  }
}

function nameOf(spec: Exclude<CacheExport, { kind: 'inline' }>): string {
  switch (spec.kind) {
    case 'local':
      return spec.dest;
    case 'registry':
      return familiarName(parseReference(spec.ref));
    case 'steps':
      return familiarName(repositoryOfSteps(spec.repository));
    case 'service':
      return placeName(spec.service);
  }
}

function wanted(all: Harvest, mode: 'min' | 'max', states: readonly SettledState[]): Harvest {
  if (mode === 'max') return all;
  const each = states.map((state) => within(all, state));
  return {
    records: all.records.filter((record) => each.some(({ records }) => records.includes(record))),
    places: new Map(each.flatMap(({ places }) => [...places])),
  };
}

function keysOf(cache: LayeredCache): readonly Digest[] {
  return [...new Set([...cache.keys.values()].filter((key) => key !== undefined))];
}

/** The same on every machine that builds this Dockerfile of this folder, wherever the folder is. */
function defaultScope({ file, context, target }: BuildCachesOptions['build']): string {
  const place = isAbsolute(context) ? basename(context) : context;
  // Of a context elsewhere the Dockerfile is told as if it lay in the working directory.
  const below = isAbsolute(file) ? relative(isAbsolute(context) ? context : process.cwd(), file) : file;
  const name = below.startsWith('..') ? basename(file) : below;
  // Others read it, and a token that changes from build to build would make a part of each.
  return redactUrl([place, name, ...(target === undefined ? [] : [target])].join(' ')).slice(0, 512);
}
