import {
  digestParts,
  isDigest,
  isJsonArray,
  isJsonObject,
  type Digest,
  type Json,
  type JsonObject,
} from '../../../core/index.ts';
import { cacheKey, partsDigest, type InputKey, type KeyParts } from '../../../solver/index.ts';
import { isRecordIntact, type RecordCollection } from '../../../store/index.ts';
import { recordState, snapshotFromJson } from '../../state-json.ts';
import type { SettledState } from '../../types.ts';
import { sizeOf } from './images.ts';
import { isCommitted } from './snapshots.ts';
import type { Examined, Finding, Severity } from './types.ts';

const collections: readonly RecordCollection[] = [
  'results',
  'states',
  'ops',
  'chains',
  'nearest',
  'listings',
  'builds',
  'mounts',
  'pruned',
  'copies',
];

/** What the cache remembers. */
export async function checkCacheRecords(examined: Examined): Promise<readonly Finding[]> {
  const { store } = examined;
  const findings: Finding[] = [];
  for (const collection of collections) {
    for await (const key of store.records.list(collection)) {
      const record = await store.records.get(collection, key);
      const found =
        record === undefined
          ? await unreadable(examined, collection, key)
          : await wrongIn(examined, { collection, key, record });
      if (found === undefined) continue;
      findings.push({
        ...found,
        kind: 'record',
        subject: `${collection}/${key}`,
        repair: () => store.records.delete(collection, key),
      });
    }
  }
  return findings;
}

interface Wrong {
  readonly severity: Severity;
  readonly problem: string;
}

async function unreadable(
  examined: Examined,
  collection: RecordCollection,
  key: string,
): Promise<Wrong | undefined> {
  const { store } = examined;
  const found = await store.records.find(collection, key);
  // The next build that wants it checks the layers, and makes the files of them.
  if (collection === 'results' && found !== undefined && hasItsLayers(examined, recordState(found.value)))
    return undefined;
  if (isRecordIntact(store, collection, key))
    return { severity: 'leftover', problem: 'was written before a power loss and is not trusted' };
  // Deleted meanwhile, it is no finding; what is there cannot be read.
  return { severity: 'damage', problem: 'cannot be read' };
}

async function wrongIn(
  examined: Examined,
  {
    collection,
    key,
    record,
  }: { readonly collection: RecordCollection; readonly key: string; readonly record: Json },
): Promise<Wrong | undefined> {
  switch (collection) {
    case 'results':
      return wrongResult(examined, key, record);
    case 'states': {
      const problem = lostPart(examined, recordState(record));
      return problem === undefined ? undefined : { severity: 'leftover', problem };
    }
    case 'chains':
    case 'copies': {
      const snapshot = isJsonObject(record) ? snapshotFromJson(record['chain']) : undefined;
      const lost = snapshot?.chain.find((id) => !isCommitted(examined, id));
      if (snapshot === undefined) return { severity: 'damage', problem: 'names no files' };
      return lost === undefined ? undefined : { severity: 'leftover', problem: `its files ${lost} are gone` };
    }
    case 'ops': {
      const target = isJsonObject(record) ? record['key'] : undefined;
      const isThere =
        typeof target === 'string' &&
        isDigest(target) &&
        (await examined.store.records.find('results', digestParts(target).hex)) !== undefined;
      return isThere ? undefined : { severity: 'leftover', problem: 'the result that it points to is gone' };
    }
    case 'listings':
      return typeof record === 'string' || isJsonObject(record)
        ? undefined
        : { severity: 'damage', problem: 'is not what belongs there' };
    case 'nearest':
    case 'builds':
    case 'mounts':
    case 'pruned':
    case 'distribution':
      return isJsonObject(record) ? undefined : { severity: 'damage', problem: 'is not what belongs there' };
  }
}

async function wrongResult(examined: Examined, key: string, record: Json): Promise<Wrong | undefined> {
  const lost = lostPart(examined, recordState(record));
  if (lost !== undefined) return { severity: 'damage', problem: lost };
  return isJsonObject(record)
    ? keyMismatch(examined, key, record)
    : { severity: 'damage', problem: 'is not the record of a step' };
}

function hasItsLayers(examined: Examined, state: SettledState | undefined): boolean {
  return state !== undefined && state.layers.length > 0 && lostLayer(examined, state) === undefined;
}

function lostLayer(examined: Examined, { layers }: SettledState): SettledState['layers'][number] | undefined {
  return layers.find(
    ({ descriptor: { digest, size } }) => examined.damaged.has(digest) || sizeOf(examined, digest) !== size,
  );
}

/** What of a state is not in the store. */
function lostPart(examined: Examined, state: SettledState | undefined): string | undefined {
  if (state === undefined) return 'is not the record of a step';
  const files = state.snapshot?.chain.find((id) => !isCommitted(examined, id));
  if (files !== undefined) return `its files ${files} are gone`;
  const layer = lostLayer(examined, state);
  return layer === undefined ? undefined : `its layer ${layer.descriptor.digest} is gone or damaged`;
}

/**
 * A definition key is made of the record's own parts and inputs. A content key is made of what the inputs held, which
 * no record keeps: there the definition key's record, which was saved with it, must be there. A prune that was killed can
 * have taken that one alone.
 */
async function keyMismatch({ store }: Examined, key: string, record: JsonObject): Promise<Wrong | undefined> {
  const damage = (problem: string): Wrong => ({ severity: 'damage', problem });
  const { parts, inputKeys } = record;
  if (!isJsonObject(parts) || !isJsonArray(inputKeys)) return damage('has no parts');
  const digest = partsDigest(parts as KeyParts);
  if (digest !== record['partsDigest']) return damage('its parts are not those of its key');
  const inputs = inputKeys.map(inputKeyOf).filter((input) => input !== undefined);
  if (inputs.length !== inputKeys.length) return damage('its inputs cannot be read');
  const definition = digestParts(cacheKey('definition', digest, inputs)).hex;
  if (definition === key) return undefined;
  const isPaired = (await store.records.find('results', definition)) !== undefined;
  return isPaired
    ? undefined
    : { severity: 'leftover', problem: 'the record that was saved with it is gone' };
}

function inputKeyOf(value: Json): InputKey | undefined {
  if (!isJsonObject(value)) return undefined;
  const { selector, digest } = value;
  if (typeof digest !== 'string' || !isDigest(digest)) return undefined;
  return selector === undefined || typeof selector === 'string'
    ? { selector, digest: digest satisfies Digest }
    : undefined;
}
