import { randomInt } from 'node:crypto';

import { TsbuildError, type ByteString, type Digest, type EmitBuildEvent } from '../core/index.ts';
import type { State, StoreCache } from '../ops/index.ts';
import { contentDigest, type Snapshotter } from '../snapshot/index.ts';
import { inputsFirst, solve, type ResultCache, type Vertex } from '../solver/index.ts';
import type { RootDir } from '../sys/index.ts';
import type { ForeignCaches } from './foreign.ts';
import type { LayeredCache } from './layered-cache.ts';
import type { VerifySample } from './types.ts';

export interface VerifyOptions {
  readonly targets: readonly Vertex<State>[];
  readonly cache: LayeredCache;
  readonly own: StoreCache;
  readonly foreign: ForeignCaches;
  readonly snapshotter: Snapshotter;
  readonly sample: VerifySample;
  readonly jobs: number;
  readonly signal: AbortSignal;
  readonly emit: EmitBuildEvent;
}

/**
 * Makes a random sample of the imported steps again, each on the inputs that the cache has for it, and compares whole file
 * systems by content, times left out. A difference is an error: who asks for a verification wants a script to stop by it. That
 * a step is not reproducible looks the same, so that the error says what differs and names both. Nothing made here is kept.
 * Throws CACHE_MISMATCH.
 */
export async function verifyImported(options: VerifyOptions): Promise<void> {
  const imported = await importedSteps(options);
  for (const { vertex, key, origin } of sampled(imported, options.sample)) {
    options.signal.throwIfAborted();
    const theirs = await options.cache.lookup(key);
    if (theirs === undefined) continue;
    const made = await madeAgain(vertex, key, options);
    const differing = await differences(options.snapshotter, theirs, made);
    if (differing.length > 0) throw mismatch(vertex.name, origin, differing);
    const data = Buffer.from(`made again, and as the cache ${origin} says\n`);
    const { id, name } = vertex;
    options.emit({ type: 'step-log', step: { id, name }, stream: 'stdout', data, time: Date.now() });
  }
}

interface ImportedStep {
  readonly vertex: Vertex<State>;
  readonly key: Digest;
  readonly origin: string;
}

/** Of all that the build stands on, whether it was asked for or answered by what is above it. */
async function importedSteps({
  targets,
  cache,
  own,
  foreign,
}: VerifyOptions): Promise<readonly ImportedStep[]> {
  const steps: ImportedStep[] = [];
  for (const vertex of inputsFirst(...targets)) {
    const key = cache.keys.get(vertex.identity);
    if (key === undefined || !vertex.heavy) continue;
    const record = await own.record(key);
    const origin = record === undefined ? (await foreign.find(key))[0]?.source.name : record.origin;
    if (origin !== undefined) steps.push({ vertex, key, origin });
  }
  return steps;
}

function sampled<T>(all: readonly T[], sample: VerifySample): readonly T[] {
  const count = sample.kind === 'count' ? sample.count : Math.ceil((all.length * sample.percent) / 100);
  const left = [...all];
  while (left.length > count) left.splice(randomInt(left.length), 1);
  return left;
}

async function madeAgain(
  vertex: Vertex<State>,
  key: Digest,
  { cache, jobs, signal, emit }: VerifyOptions,
): Promise<State> {
  const again: ResultCache<State> = {
    lookup: async (asked, kind) => (asked === key ? undefined : cache.lookup(asked, kind)),
    // Under a key of its own: who waits for the real one must not get this.
    claim: async (asked, options) =>
      asked === key
        ? { kind: 'claim', claim: { key, [Symbol.asyncDispose]: async () => undefined } }
        : cache.claim(asked, options),
    save: async (keys, record) => (keys.includes(key) ? undefined : cache.save(keys, record)),
    knows: async () => false,
    canonical: async (result) => result,
    remember: async () => undefined,
    nearest: async () => undefined,
    latest: async () => undefined,
  };
  return solve(vertex, {
    cache: again,
    ...{ jobs, signal },
    emit: (event) => (event.type === 'step-cached' ? undefined : emit(event)),
  });
}

const maxTold = 10;

async function differences(snapshotter: Snapshotter, one: State, other: State): Promise<readonly string[]> {
  await using first = await snapshotter.view(one.snapshot);
  await using second = await snapshotter.view(other.snapshot);
  const told: string[] = [];
  await compare(first.root, second.root, { path: '.' as ByteString, told });
  return told;
}

/** Folders are looked into only where they differ. */
async function compare(
  one: RootDir,
  other: RootDir,
  { path, told }: { readonly path: ByteString; readonly told: string[] },
): Promise<void> {
  if (told.length >= maxTold) return;
  const [before, after] = [one.tryLstat(path), other.tryLstat(path)];
  if (before !== undefined && after !== undefined) {
    const [first, second] = [await contentDigest(one, path), await contentDigest(other, path)];
    if (first === second) return;
    if (before.type === 'directory' && after.type === 'directory') {
      const names = new Set([...one.list(path), ...other.list(path)]);
      const count = told.length;
      for (const name of [...names].sort())
        await compare(one, other, { path: `${path}/${name}` as ByteString, told });
      if (told.length > count) return;
    }
  }
  told.push(Buffer.from(path, 'latin1').toString('utf8').replace(/^\./, '') || '/');
}

function mismatch(name: string, origin: string, differing: readonly string[]): TsbuildError {
  const more = differing.length >= maxTold ? ' and maybe more' : '';
  return new TsbuildError(
    'CACHE_MISMATCH',
    `${name}, made again, differs from what the cache ${origin} says, at ${differing.join(', ')}${more}`,
    {
      hint: 'either the step gives another result each time (dates, random numbers, packages that moved on), or the cache does not tell the truth: then remove it, and build with --no-cache',
    },
  );
}
