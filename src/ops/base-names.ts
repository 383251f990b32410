import {
  digestParts,
  isDigest,
  isJsonObject,
  type Digest,
  type Json,
  type PartChange,
} from '../core/index.ts';
import type { ResolvedBase } from '../graph/index.ts';
import type { Store } from '../store/index.ts';

type NamedBase = Pick<ResolvedBase, 'name' | 'digest'>;

/** More names of one content explain no more. */
const mostNames = 8;

/** Keeps under which name and digest a base was taken, by what is in it: that alone is what counts (design decision 6). */
export async function keepBaseName(
  store: Store,
  chain: Digest | undefined,
  { name, digest }: NamedBase,
): Promise<void> {
  if (chain === undefined) return;
  const known = await namesOf(store, chain);
  if (known[name] === digest) return;
  const others = Object.entries(known).filter(([other]) => other !== name);
  const kept = [[name, digest] as const, ...others.slice(0, mostNames - 1)];
  await store.records.put('listings', digestParts(chain).hex, Object.fromEntries(kept));
}

/** By name and digest, what a base was and is; undefined when its earlier name is not known. */
export async function baseChange(
  store: Store,
  before: Json,
  { name, digest }: NamedBase,
): Promise<readonly PartChange[] | undefined> {
  if (typeof before !== 'string' || !isDigest(before)) return undefined;
  const known = await namesOf(store, before);
  const [earlier] = name in known ? [name] : Object.keys(known);
  if (earlier === undefined) return undefined;
  const was = `${earlier}@${known[earlier]}`;
  return [{ kind: 'changed', path: ['base'], before: was, after: `${name}@${digest}` }];
}

async function namesOf(store: Store, chain: Digest): Promise<Readonly<Record<string, Digest>>> {
  const record = await store.records.get('listings', digestParts(chain).hex);
  const pairs = Object.entries(isJsonObject(record) ? record : {});
  return Object.fromEntries(
    pairs.flatMap(([name, digest]) =>
      typeof digest === 'string' && isDigest(digest) ? [[name, digest] as const] : [],
    ),
  );
}
