import { TsbuildError, type Digest, type EmitBuildEvent } from '../core/index.ts';
import type { Platform } from '../oci/index.ts';
import { cacheKey, type KeyKind, type RecordFacts } from '../solver/index.ts';
import { isConsistent } from './check.ts';
import type { CacheSource } from './source.ts';
import type { CachePart, ForeignRecord } from './types.ts';

/** A record and where it stands. */
export interface FoundRecord {
  readonly record: ForeignRecord;
  readonly source: CacheSource;
}

export interface ForeignCachesOptions {
  /** In the order in which they are asked. */
  readonly sources: readonly CacheSource[];
  readonly platforms: readonly Platform[];
  /** Names of the build's own parts: places of steps in other Dockerfiles explain nothing here. */
  readonly scopes: ReadonlySet<string>;
  /** Of the build's own part. */
  readonly platform: string;
  readonly signal: AbortSignal;
  readonly emit: EmitBuildEvent;
}

interface Known {
  readonly byKey: ReadonlyMap<Digest, readonly FoundRecord[]>;
  readonly byParts: ReadonlyMap<Digest, ForeignRecord>;
  readonly byIdentity: ReadonlyMap<string, ForeignRecord>;
}

/** What the sources say, read when it is first asked for: a build that its own store answers asks nobody. */
export class ForeignCaches {
  readonly sources: readonly CacheSource[];
  readonly #options: ForeignCachesOptions;
  readonly #stepwise: readonly CacheSource[];
  readonly #steps = new Map<string, Promise<readonly FoundRecord[]>>();
  readonly #silent = new Set<CacheSource>();
  #known: Promise<Known> | undefined;

  constructor(options: ForeignCachesOptions) {
    this.#options = options;
    this.sources = options.sources;
    this.#stepwise = options.sources.filter(({ step }) => step !== undefined);
  }

  /**
   * All that have that key, the source that was named first before others. Those that have a tag for each step are asked for
   * definition keys alone, once each.
   */
  async find(key: Digest, kind: KeyKind = 'definition'): Promise<readonly FoundRecord[]> {
    const found = (await this.#read()).byKey.get(key) ?? [];
    if (kind === 'content' || this.#stepwise.length === 0) return found;
    const steps = await Promise.all(this.#stepwise.map(async (source) => this.#step(source, key)));
    return [...found, ...steps.flat()].toSorted(
      (one, other) => this.sources.indexOf(one.source) - this.sources.indexOf(other.source),
    );
  }

  #step(source: CacheSource, key: Digest): Promise<readonly FoundRecord[]> {
    const name = `${this.sources.indexOf(source)} ${key}`;
    const known = this.#steps.get(name) ?? this.#askStep(source, key);
    this.#steps.set(name, known);
    return known;
  }

  /** One that fails is asked for nothing more: each further question would wait as long. */
  async #askStep(source: CacheSource, key: Digest): Promise<readonly FoundRecord[]> {
    if (this.#silent.has(source)) return [];
    try {
      const parts = this.#consistent(source, (await source.step?.(key)) ?? []);
      const records = parts.flatMap((part) => part.records);
      return records.filter((record) => record.key === key).map((record) => ({ record, source }));
    } catch (error) {
      if (error instanceof TsbuildError && error.code === 'IMAGE_NOT_FOUND') return [];
      if (!this.#silent.has(source)) this.warn(source, error);
      this.#silent.add(source);
      return [];
    }
  }

  async knows(parts: Digest): Promise<boolean> {
    return (await this.#read()).byParts.has(parts);
  }

  async latest(parts: Digest): Promise<RecordFacts | undefined> {
    return factsOf((await this.#read()).byParts.get(parts));
  }

  async nearest(identity: string): Promise<RecordFacts | undefined> {
    return factsOf((await this.#read()).byIdentity.get(identity));
  }

  #read(): Promise<Known> {
    this.#known ??= this.#readAll();
    return this.#known;
  }

  async #readAll(): Promise<Known> {
    const { sources, platforms } = this.#options;
    const read = await Promise.allSettled(sources.map(async (source) => source.read(platforms)));
    // Told in their order, whichever was the first to fail.
    const told = sources.map((source, index) => ({ source, parts: this.#partsOf(source, read[index]) }));
    const [byKey, byParts, byIdentity] = [
      new Map<Digest, FoundRecord[]>(),
      new Map<Digest, ForeignRecord>(),
      new Map<string, ForeignRecord>(),
    ];
    for (const { source, parts } of told) {
      for (const { scope, platform, records } of parts) {
        const isOwn = this.#options.scopes.has(scope) && platform === this.#options.platform;
        for (const record of records) {
          for (const key of keysOf(record)) {
            const found = byKey.get(key) ?? [];
            byKey.set(key, found);
            found.push({ record, source });
          }
          if (!byParts.has(record.partsDigest) || record.parts !== undefined)
            byParts.set(record.partsDigest, record);
          if (isOwn && record.parts !== undefined) byIdentity.set(record.identity, record);
        }
      }
    }
    return { byKey, byParts, byIdentity };
  }

  /** A source that is missing or broken costs time, never the build. */
  #partsOf(
    source: CacheSource,
    read: PromiseSettledResult<readonly CachePart[]> | undefined,
  ): readonly CachePart[] {
    if (read?.status === 'fulfilled') return this.#consistent(source, read.value);
    this.warn(source, read?.reason);
    return [];
  }

  #consistent(source: CacheSource, parts: readonly CachePart[]): readonly CachePart[] {
    const kept = parts.map((part) => ({ ...part, records: part.records.filter(isConsistent) }));
    const count = (all: readonly CachePart[]): number =>
      all.reduce((sum, { records }) => sum + records.length, 0);
    const refused = count(parts) - count(kept);
    if (refused > 0)
      this.#tell(
        source,
        `${refused} of its ${count(parts)} records are not what their keys say and are left out`,
      );
    return kept;
  }

  /** Says why a source, or something of it, is not used. Throws what is no fault of the source. */
  warn(source: CacheSource, error: unknown): void {
    this.#options.signal.throwIfAborted();
    if (!(error instanceof TsbuildError) || ownFaults.has(error.code)) throw error;
    const missing = error.code === 'IMAGE_NOT_FOUND';
    this.#tell(source, missing ? `nothing is there (${error.message})` : `it is not used: ${error.message}`);
  }

  #tell({ name }: CacheSource, text: string): void {
    this.#options.emit({ type: 'warning', message: `cache ${name}: ${text}` });
  }
}

const ownFaults: ReadonlySet<string> = new Set(['INTERRUPTED', 'DISK_FULL', 'HOST_UNSUPPORTED', 'INTERNAL']);

/** The definition key, and all content keys. */
export function keysOf({ key, partsDigest, contents }: ForeignRecord): readonly Digest[] {
  return [key, ...contents.map((inputs) => cacheKey('content', partsDigest, inputs))];
}

/** Only of records whose parts came along: the rest explains nothing. */
function factsOf(record: ForeignRecord | undefined): RecordFacts | undefined {
  if (record?.parts === undefined) return undefined;
  const { parts, partsDigest, inputKeys, contents, identity, created } = record;
  return { parts, partsDigest, inputKeys, contents, identity, created };
}
