import type { Digest } from '../core/index.ts';
import { once, type InFlight } from './in-flight.ts';
import { cacheKey, inputKeys, partsDigest } from './keys.ts';
import type { CacheMap, InputKey, Vertex } from './types.ts';

/** What is known of a vertex before anything runs. */
export interface Keyed<R> {
  readonly cacheMap: CacheMap<R>;
  /** Digest of what the vertex itself is. */
  readonly parts: Digest;
  /** The definition key. */
  readonly key: Digest;
  /** What of the definition key stands for the inputs. */
  readonly inputs: readonly InputKey[];
  /**
   * The vertex or something below it is to be made anew: the definition key then says nothing of what comes out, while
   * the content key still does.
   */
  readonly anew: boolean;
}

/** The keys of one graph's vertices, each computed once. */
export class Keyring<R> {
  readonly #work: InFlight;
  readonly #keyed = new Map<Digest, Promise<Keyed<R>>>();
  readonly #known = new Map<Digest, Digest>();

  constructor(work: InFlight) {
    this.#work = work;
  }

  of(vertex: Vertex<R>): Promise<Keyed<R>> {
    return once(this.#keyed, vertex.id, () => this.#work.track(this.#compute(vertex)));
  }

  /** The definition key of a vertex that was asked for and has been keyed by now. */
  known(id: Digest): Digest | undefined {
    return this.#known.get(id);
  }

  async #compute(vertex: Vertex<R>): Promise<Keyed<R>> {
    await Promise.resolve(); // a turn of its own: a chain of thousands must not be a stack of thousands
    const [cacheMap, ...inputs] = await Promise.all([
      vertex.op.cacheMap(this.#work.signal),
      ...vertex.inputs.map((input) => this.of(input)),
    ]);
    const parts = partsDigest(cacheMap.parts);
    const below = inputKeys(
      cacheMap,
      inputs.map((input) => input.key),
    );
    const key = cacheKey('definition', parts, below);
    this.#known.set(vertex.id, key);
    return {
      cacheMap,
      parts,
      key,
      inputs: below,
      anew: vertex.ignoreCache || inputs.some((input) => input.anew),
    };
  }
}

/** What of the content key stands for the inputs: what they really hold. */
export async function contentInputsOf<R>(
  keyed: Keyed<R>,
  inputs: readonly R[],
): Promise<readonly InputKey[]> {
  const digests = await Promise.all(
    keyed.cacheMap.inputs.map((map, index) => map.contentDigest(inputs[index] as R)),
  );
  return inputKeys(keyed.cacheMap, digests);
}

/** The key that stands on what the inputs really hold. */
export async function contentKeyOf<R>(keyed: Keyed<R>, inputs: readonly R[]): Promise<Digest> {
  return cacheKey('content', keyed.parts, await contentInputsOf(keyed, inputs));
}
