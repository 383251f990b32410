import type { Digest, Json, PartChange, Usage } from '../core/index.ts';

/**
 * The solver's vocabulary. Three identities are kept apart: `Vertex.id` (the same definition within this run,
 * for single flight), the cache key (the same meaning across runs and machines), and the result itself.
 */

/** Parts of a key by name, as data, so that a miss can be explained later. */
export type KeyParts = { readonly [part: string]: Json };

export interface CacheMap<R> {
  /** What the step itself is, without its inputs. */
  readonly parts: KeyParts;
  /** One for each of the vertex's inputs, in order. */
  readonly inputs: readonly {
    /** What of the input counts, by name (a path): part of the key. */
    readonly selector?: string | undefined;
    /** Digest of what of the input counts, by content. */
    contentDigest(result: R): Promise<Digest>;
  }[];
}

/**
 * For waiting for another step or process: the job slot is given back while `wait` runs, and one is taken again after,
 * unless it fails. One wait of a step at a time.
 */
export type WithoutSlot = <T>(wait: () => Promise<T>) => Promise<T>;

export interface RunContext {
  readonly signal: AbortSignal;
  /** Output of the step, as it comes. */
  log(stream: 'stdout' | 'stderr', data: Uint8Array): void;
  /** Progress of a part of the step (bytes of a layer). */
  status(id: string, current: number, total?: number): void;
  warn(message: string): void;
  readonly withoutSlot: WithoutSlot;
  /** Nothing that earlier runs left is to go into the result (--no-cache). */
  readonly anew?: boolean | undefined;
  /** What the step used of the machine; the last word counts. */
  used(usage: Usage): void;
}

export interface Op<R> {
  /** How to key it, without running any input. */
  cacheMap(signal: AbortSignal): Promise<CacheMap<R>>;
  /**
   * Called when it is all but certain that it will execute, mostly while its inputs are still made: to begin what takes
   * time. Must neither fail nor wait.
   */
  prepare?(): void;
  exec(inputs: readonly R[], context: RunContext): Promise<R>;
  /** What differs behind two digests of a part; undefined where that is not known. Asked after `cacheMap`. */
  unfold?(change: PartChange & { readonly kind: 'changed' }): Promise<readonly PartChange[] | undefined>;
}

export interface Vertex<R> {
  /** Names the definition; two vertices with one id are one. */
  readonly id: Digest;
  /** One line for progress: `[build 2/5] RUN make`. */
  readonly name: string;
  /** The same across edits of the step, for explaining: stage and position. */
  readonly identity: string;
  readonly op: Op<R>;
  readonly inputs: readonly Vertex<R>[];
  /** Never answered from the cache (--no-cache); its result is still saved. */
  readonly ignoreCache: boolean;
  /** Takes a job slot while it executes; false for what only resolves. */
  readonly heavy: boolean;
}

/** One input's share of a key: what of it counts, and the digest that stands for it. */
export interface InputKey {
  readonly selector: string | undefined;
  readonly digest: Digest;
}

export interface CacheRecord<R> {
  readonly result: R;
  readonly parts: KeyParts;
  /** Digest of `parts`. */
  readonly partsDigest: Digest;
  /** Of the definition key. */
  readonly inputKeys: readonly InputKey[];
  /** Of the content keys that were reckoned: one state may be known by several digests. */
  readonly contents?: readonly (readonly InputKey[])[] | undefined;
  readonly identity: string;
  /** ISO 8601. */
  readonly created: string;
  /** What it was imported from. */
  readonly origin?: string | undefined;
}

/** What a record says without its result. */
export type RecordFacts = Omit<CacheRecord<unknown>, 'result'>;

/** The right to make the result of a key; others who want it wait until it is disposed. */
export interface Claim extends AsyncDisposable {
  readonly key: Digest;
}

export interface ClaimOptions {
  readonly signal: AbortSignal;
  /** Always answers with a claim: the result is to be made anew (--no-cache). */
  readonly ignoreExisting: boolean;
  /** Called once, when another process is at work on the key, with what names it to people. */
  readonly onWait?: ((holder: string) => void) | undefined;
}

export type Claimed<R> =
  { readonly kind: 'existing'; readonly result: R } | { readonly kind: 'claim'; readonly claim: Claim };

/** What a key stands on: the keys of the inputs, or what the inputs hold. */
export type KeyKind = 'definition' | 'content';

export interface ResultCache<R> {
  /** With a `content` key (`definition` unless told), what the result stands on has been looked at before. */
  lookup(key: Digest, kind?: KeyKind): Promise<R | undefined>;
  /** Waits while another process works on the key; takes over when that one dies or fails. */
  claim(key: Digest, options: ClaimOptions): Promise<Claimed<R>>;
  save(keys: readonly Digest[], record: CacheRecord<R>): Promise<void>;
  /** Whether any record has these parts, whatever its inputs: only then is a parent's content worth waiting for. */
  knows(parts: Digest): Promise<boolean>;
  /**
   * The earlier result with the same whole content, or this one (content cut-off, which compares whole states and
   * never single layers). Waits until the result's content is known.
   */
  canonical(result: R): Promise<R>;
  /**
   * What the last solving came to, by identity of the vertex: the key of its record, made or found. Undefined where it
   * came to nothing, and an earlier record stays the nearest.
   */
  remember(keys: ReadonlyMap<string, Digest | undefined>): Promise<void>;
  /** The record last remembered for that identity, to explain a miss by. */
  nearest(identity: string): Promise<RecordFacts | undefined>;
  /** The newest record with these parts, whatever its identity and inputs. */
  latest(parts: Digest): Promise<RecordFacts | undefined>;
  /** ISO 8601: when records with these parts were last pruned, where that is known. */
  pruned?(parts: Digest): Promise<string | undefined>;
  /** Whether a record that is there does not answer because of its age, or of that of what it stands on. */
  expired?(record: RecordFacts): Promise<boolean>;
  /** What a result that was looked up was imported from. */
  origin?(result: R): string | undefined;
  /** Whether a result that was looked up was imported just now: it is to be saved as the step's own. */
  isNew?(result: R): boolean;
}
