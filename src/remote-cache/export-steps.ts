import { TsbuildError, type Digest } from '../core/index.ts';
import { blobOfBytes } from '../image/index.ts';
import { familiarName, type Reference } from '../oci/index.ts';
import { inParallel } from '../object-store/index.ts';
import { contentPusher, repositoryReader, type OutgoingLayer } from '../registry/index.ts';
import { withBlobs } from './collect.ts';
import type { ExportJob } from './export-registry.ts';
import { encodeCache, isWritable, type EncodedCache } from './format.ts';
import { lendersOf, outgoingLayers } from './outgoing.ts';
import { checkStep, createdAnnotation, repositoryOfSteps, tagOfStep } from './steps.ts';
import type { CacheExport, ForeignRecord } from './types.ts';

const parallelSteps = 4;

/**
 * Puts each result under a tag of its own, so that no two builds write the same thing but for the same step: nothing is read
 * and written again, and so nothing of another is lost. What is there and no older stays as it is.
 */
export async function exportSteps(
  spec: Extract<CacheExport, { kind: 'steps' }>,
  job: ExportJob,
): Promise<void> {
  const reference = repositoryOfSteps(spec.repository);
  const { harvest, store, fetcher, options } = job;
  const missing = await missingSteps(reference, harvest.records.filter(isWritable), job);
  if (missing.length === 0) return;
  await using folder = await store.tempDir();
  const layers = await outgoingLayers(harvest.places, {
    ...{ store, fetcher, folder: folder.path },
    ...{ form: spec.form, to: reference },
  });
  const byDiffId = new Map([...harvest.places.keys()].map((diffId, index) => [diffId, layers[index]]));
  const mountRepositories = lendersOf(harvest.places, reference);
  const push = contentPusher(reference, { ...options, mountRepositories });
  await inParallel(missing, parallelSteps, async (record) => {
    const own = layersOf(record, byDiffId);
    let encoded: EncodedCache | undefined;
    await push(
      {
        layers: own.map(([, layer]) => layer),
        config: async (sent) => {
          const blobs = new Map(own.map(([diffId], index) => [diffId, sent[index]]));
          const part = { ...job.part, records: withBlobs([record], blobs) };
          encoded = encodeCache([part], { [createdAnnotation]: record.created });
          return Promise.resolve(blobOfBytes(encoded.config.descriptor.digest, encoded.config.bytes));
        },
        manifest: () => {
          if (encoded === undefined) throw new Error('a manifest before its config');
          return encoded.manifest;
        },
        mountRepositories,
      },
      [tagOfStep(record.key)],
    );
  });
}

/** Each once; layers of the base are none of the step's. */
function layersOf(
  { layers }: ForeignRecord,
  outgoing: ReadonlyMap<Digest, OutgoingLayer | undefined>,
): readonly (readonly [Digest, OutgoingLayer])[] {
  const made = layers.filter(({ created }) => created !== undefined).map(({ diffId }) => diffId);
  return [...new Set(made)].flatMap((diffId) => {
    const layer = outgoing.get(diffId);
    return layer === undefined ? [] : [[diffId, layer] as const];
  });
}

async function missingSteps(
  reference: Reference,
  records: readonly ForeignRecord[],
  { options, warn }: ExportJob,
): Promise<readonly ForeignRecord[]> {
  const visit = repositoryReader(reference, options);
  const isThere = async ({ key, created }: ForeignRecord): Promise<boolean> => {
    try {
      const { parsed } = await visit(async (open) => open.manifest(tagOfStep(key)));
      const { annotations } = checkStep(parsed.kind === 'manifest' ? parsed.manifest : undefined);
      return (annotations?.[createdAnnotation] ?? '') >= created;
    } catch (error) {
      if (!(error instanceof TsbuildError) || !replaceable.has(error.code)) throw error;
      if (damaged.has(error.code))
        warn(`cache ${familiarName(reference)}: what was there is replaced: ${error.message}`);
      return false;
    }
  };
  const there = await inParallel(records, parallelSteps, isThere);
  return records.filter((_record, index) => there[index] === false);
}

const damaged: ReadonlySet<string> = new Set(['IMAGE_INVALID', 'DIGEST_MISMATCH']);
/** Some registries say of what does not exist yet that it is not allowed. */
const replaceable: ReadonlySet<string> = new Set([...damaged, 'IMAGE_NOT_FOUND', 'REGISTRY_DENIED']);
