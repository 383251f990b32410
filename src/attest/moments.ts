import { canonicalJson, digestOf, digestParts, isJsonObject, type Digest, type Json } from '../core/index.ts';
import type { Attestation } from '../image/index.ts';

/** What two builds that come to the same differ in. */
export interface Moments {
  /** Undefined where the build has an epoch, which stands for both times. */
  readonly invocation: string | undefined;
  readonly started: Date;
  readonly finished: Date;
}

/** Keeps small values under keys made of letters, digits and dashes. */
export interface Memory {
  get(key: string): Promise<Json | undefined>;
  put(key: string, value: Json): Promise<void>;
}

const never: Moments = { invocation: '', started: new Date(0), finished: new Date(0) };

/**
 * What is said of an image. A build that comes to the same image in the same way says what the first one said, with its
 * times: else every push of it would leave one more statement beside the image.
 */
export async function saidOnce(
  memory: Memory,
  image: Digest,
  work: { readonly now: Moments; readonly say: (moments: Moments) => Attestation },
): Promise<Attestation> {
  const { now, say } = work;
  const { predicateType, predicate } = say(never);
  const key = `said-${digestParts(digestOf(canonicalJson([image, predicateType, predicate]))).hex}`;
  const earlier = momentsOf(await memory.get(key));
  if (earlier !== undefined) return say(earlier);
  const { invocation, started, finished } = now;
  await memory.put(key, {
    invocation,
    started: started.toISOString(),
    finished: finished.toISOString(),
  });
  return say(now);
}

function momentsOf(record: Json | undefined): Moments | undefined {
  if (!isJsonObject(record)) return undefined;
  const { invocation, started, finished } = record;
  if (typeof invocation !== 'string') return undefined;
  if (typeof started !== 'string' || typeof finished !== 'string') return undefined;
  const times = { started: new Date(started), finished: new Date(finished) };
  const isWhole = !Number.isNaN(times.started.getTime()) && !Number.isNaN(times.finished.getTime());
  return isWhole ? { invocation, ...times } : undefined;
}
