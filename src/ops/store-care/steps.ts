import {
  canonicalJson,
  digestOf,
  digestParts,
  isDigest,
  isJsonArray,
  isJsonObject,
  type Digest,
  type JsonObject,
} from '../../core/index.ts';
import { chainId } from '../../oci/index.ts';
import type { Store } from '../../store/index.ts';
import { recordState } from '../state-json.ts';
import { stepText, stepType, type StepType } from './step-text.ts';

/** A result in the cache, whatever number of keys lead to it. */
export interface CachedStep {
  /** 12 hexadecimal digits. */
  readonly id: string;
  /** Keys of its records; the version of each when it was read. */
  readonly keys: ReadonlyMap<string, string>;
  readonly type: StepType;
  readonly text: string;
  /** Stage and position where it was made: `build/2`. */
  readonly identity: string;
  /** ISO 8601. */
  readonly created: string;
  /** Milliseconds since the epoch. */
  readonly used: number;
  readonly parts: JsonObject;
  readonly partsDigest: Digest;
  readonly contentDigest: Digest;
  /** Bottom first. */
  readonly snapshots: readonly string[];
  /** Bottom first. */
  readonly blobs: readonly Digest[];
  /** Of all its layers; undefined of none. */
  readonly chainId: Digest | undefined;
}

/** All of the store, the least recently used first. Records that cannot be read are none. */
export async function listCachedSteps(store: Store): Promise<readonly CachedStep[]> {
  const groups = new Map<string, CachedStep[]>();
  for await (const key of store.records.list('results')) {
    const step = await readStep(store, key);
    if (step === undefined) continue;
    const group = groups.get(step.id) ?? [];
    groups.set(step.id, group);
    group.push(step);
  }
  const steps = [...groups.values()].map(merged);
  return usedThroughOthers(steps).sort((one, other) => one.used - other.used || (one.id < other.id ? -1 : 1));
}

async function readStep(store: Store, key: string): Promise<CachedStep | undefined> {
  const stat = await store.records.stat('results', key);
  const found = await store.records.find('results', key);
  const record = found?.value;
  const state = recordState(record);
  if (stat === undefined || state === undefined || !isJsonObject(record)) return undefined;
  const { parts, partsDigest, identity, created } = record;
  if (!isJsonObject(parts) || typeof partsDigest !== 'string' || !isDigest(partsDigest)) return undefined;
  const { contentDigest, layers, snapshot } = state;
  return {
    id: digestParts(digestOf(canonicalJson({ partsDigest, result: record['result'] ?? null }))).hex.slice(
      0,
      12,
    ),
    keys: new Map([[key, stat.version]]),
    type: stepType(parts),
    text: stepText(parts),
    identity: typeof identity === 'string' ? identity : '',
    created: typeof created === 'string' ? created : '',
    used: stat.used,
    parts,
    partsDigest,
    contentDigest,
    snapshots: found?.settled === true ? (snapshot?.chain ?? []) : [],
    blobs: layers.map(({ descriptor }) => descriptor.digest),
    chainId: chainId(layers.map(({ diffId }) => diffId)),
  };
}

/** Of the records of one result: the keys of all, the oldest's place. */
function merged(records: readonly CachedStep[]): CachedStep {
  const first = records.reduce((one, other) => (other.created < one.created ? other : one));
  return {
    ...first,
    keys: new Map(records.flatMap(({ keys }) => [...keys])),
    used: records.reduce((newest, { used }) => Math.max(newest, used), 0),
  };
}

/** Whoever uses a state uses all states below it, though a build that finds the upper one asks for none of them. */
function usedThroughOthers(steps: readonly CachedStep[]): CachedStep[] {
  const used = new Map<string, number>();
  for (const step of steps)
    for (const id of step.snapshots) used.set(id, Math.max(used.get(id) ?? 0, step.used));
  return steps.map((step) => ({
    ...step,
    used: Math.max(step.used, used.get(step.snapshots.at(-1) ?? '') ?? 0),
  }));
}

/** Digests of files that a step copied, and of the content of a base, by which their names are kept. */
export function listingsOf({ parts }: CachedStep): readonly string[] {
  const { files, chain } = parts;
  return [...(isJsonArray(files) ? files : [files]), chain]
    .filter((file) => typeof file === 'string')
    .filter(isDigest)
    .map((digest) => digestParts(digest).hex);
}
