import type { Readable } from 'node:stream';

import type { Digest, Json } from '../core/index.ts';
import type { Descriptor } from '../oci/types.ts';

/** Content-addressed bytes in the store's OCI layout. */
export interface BlobStore {
  /**
   * Stores the bytes: temporary file, then rename, so that no half blob is ever visible. The promise means
   * "the content is stored", not "because of this call". With `expected`, other content is DIGEST_MISMATCH
   * and nothing is stored; reading stops at the expected size.
   */
  put(
    bytes: AsyncIterable<Uint8Array> | Uint8Array,
    expected?: { digest?: Digest | undefined; size?: number | undefined },
  ): Promise<{ digest: Digest; size: number }>;
  /** Streams the blob and verifies it: the stream fails with DIGEST_MISMATCH at its end. Throws BLOB_NOT_FOUND. */
  open(digest: Digest): Promise<Readable>;
  /** As `open`, in less memory: a chunk's bytes are good until the next one is asked for, and BLOB_NOT_FOUND comes with the first. */
  chunks(digest: Digest): AsyncIterable<Uint8Array>;
  /** The whole of a small blob, verified. `limit` in bytes, default 8 MiB. */
  read(digest: Digest, limit?: number): Promise<Buffer>;
  stat(digest: Digest): Promise<{ size: number } | undefined>;
  /** Whether it is there with the content that it is named by; a damaged one is removed. */
  isIntact(digest: Digest): Promise<boolean>;
  delete(digest: Digest): Promise<void>;
  list(): AsyncIterable<Digest>;
  /** Host path of the blob, for host tools and for reflink. May not exist. */
  path(digest: Digest): string;
}

/** A name given to an image: the normalised reference (`docker.io/library/app:latest`) and its manifest. */
export interface Ref {
  readonly name: string;
  readonly target: Descriptor;
}

/** One file a ref; the layout's index.json is derived from them. */
export interface RefStore {
  get(name: string): Promise<Ref | undefined>;
  set(ref: Ref): Promise<void>;
  /** False when there was none. */
  delete(name: string): Promise<boolean>;
  list(): Promise<readonly Ref[]>;
  /** Makes index.json anew from the refs. */
  reindex(): Promise<void>;
}

/** What the store knows of an image, by image id (config digest), named or not. */
export interface ImageRecord {
  readonly id: Digest;
  readonly manifest: Descriptor;
  /** ISO 8601, when it came into this store. */
  readonly added: string;
  /** Canonical names with digest under which it was pulled or pushed: `docker.io/library/debian@sha256:…`. */
  readonly repoDigests: readonly string[];
  /** What is said of it, sent along when it is pushed. */
  readonly attestations?: readonly KeptAttestation[] | undefined;
}

/** Provenance or an SBOM of an image; without its subject, which is the manifest that goes out. */
export interface KeptAttestation {
  /** URI, as `https://slsa.dev/provenance/v1`. */
  readonly predicateType: string;
  /** Plain file name for outputs. */
  readonly filename: string;
  /** Blob of the predicate, as JSON. */
  readonly predicate: Digest;
}

export interface ImageRecordStore {
  get(id: Digest): Promise<ImageRecord | undefined>;
  put(record: ImageRecord): Promise<void>;
  delete(id: Digest): Promise<boolean>;
  list(): Promise<readonly ImageRecord[]>;
}

/**
 * Small JSON records under a collection and a key, each a file written atomically. Collections are fixed names;
 * keys are checked against a whitelist before they become a file name. A damaged record reads as absent, and so does one
 * that points to what the machine may have lost with its power.
 */
export interface RecordStore {
  get(collection: RecordCollection, key: string): Promise<Json | undefined>;
  /** As `get`, and also what is whole itself, though what it points to may not be. */
  find(collection: RecordCollection, key: string): Promise<FoundRecord | undefined>;
  put(collection: RecordCollection, key: string, value: Json): Promise<void>;
  has(collection: RecordCollection, key: string): Promise<boolean>;
  delete(collection: RecordCollection, key: string): Promise<void>;
  list(collection: RecordCollection): AsyncIterable<string>;
  /** Of the file, whatever is in it; undefined when there is none. */
  stat(collection: RecordCollection, key: string): Promise<RecordStat | undefined>;
  /** Notes that the record was used; to the hour, so that doing it again costs a stat. Nothing where there is none. */
  touch(collection: RecordCollection, key: string): Promise<void>;
}

export interface FoundRecord {
  readonly value: Json;
  /** False: no snapshot that it names may be used, and no blob before its content was checked. */
  readonly settled: boolean;
}

export interface RecordStat {
  /** Milliseconds since the epoch: when it was last touched, else written. */
  readonly used: number;
  /** Another one after each `put`. */
  readonly version: string;
}

/**
 * `results`: cache key → result. `ops`: own definition of a step → newest record, whatever its inputs.
 * `states`: content digest of a state → its first result. `nearest`: a Dockerfile and its context → by identity of a
 * step the key of its record, for explain.
 * `listings`: digest of files that were copied → their names, chain id of a base → its names, for explain. `builds`: a Dockerfile and its context → how the
 * last build of it fared. `chains`: chain id → snapshot. `distribution`: diff id → known compressed forms, and when something was first said of an image.
 * `copies`: a COPY on its parent's files → its newest whole result, for the next one to begin with.
 * `mounts`: folder of a cache mount → its id. `pruned`: first digit of steps' own definitions → when their results were pruned.
 */
export type RecordCollection =
  | 'results'
  | 'ops'
  | 'states'
  | 'nearest'
  | 'listings'
  | 'builds'
  | 'chains'
  | 'distribution'
  | 'mounts'
  | 'pruned'
  | 'copies';

/** A held flock; disposing releases it. */
export interface Lock extends AsyncDisposable {
  readonly name: string;
}

/**
 * Keeps what is named in it, and all that is made after it began, from being collected. Disposing ends it; what is to
 * stay must be named by a ref, an image or a record before. Something older is first kept, then looked up: looked up
 * first, it could be collected in between. What this store puts while the lease lives is kept without asking.
 */
export interface Lease extends AsyncDisposable {
  /** Nobody else's, ever: what is named after it elsewhere can be told from that of the living. Sixteen hex digits. */
  readonly id: string;
  keep(item: { readonly blob: Digest } | { readonly snapshot: string }): Promise<void>;
}

/** Disposing removes this process's temporary folder; a process that does not is cleaned up after by the next one. */
export interface Store extends AsyncDisposable {
  readonly root: string;
  /** Folder of the OCI layout that other tools read in place. */
  readonly layout: string;
  /** Folder of the snapshots, owned by `snapshot/`. */
  readonly snapshots: string;
  /** Folder of the containers' state, owned by `runtime/` and `cli/`. */
  readonly containers: string;
  readonly blobs: BlobStore;
  readonly refs: RefStore;
  readonly images: ImageRecordStore;
  readonly records: RecordStore;
  /** Temporary folder on the store's file system, removed on dispose; swept by the next process if this one dies. */
  tempDir(): Promise<{ readonly path: string } & AsyncDisposable>;
  /** Waits for the named lock (flock, so a dead holder holds nothing). `onWait` is called once with the holder's pid when it must wait. */
  lock(
    name: string,
    options?: { signal?: AbortSignal | undefined; onWait?: ((holder: string) => void) | undefined },
  ): Promise<Lock>;
  tryLock(name: string): Promise<Lock | undefined>;
  lease(): Promise<Lease>;
  /**
   * When processes with a lease have died: removes the files of their locks, and has `clear` remove what others than the
   * store know of, told the ids of the leases. The next caller tries again if that fails.
   */
  afterDeaths(clear: (leases: readonly string[]) => Promise<unknown>): Promise<void>;
  /** Waits until the disk has all that was written before the call; takes no room, and nothing is trusted the more for it. */
  sync(): Promise<void>;
  /**
   * One syncfs, after which all that was written before the call outlives a power loss, and the records of it are
   * trusted after a reboot. For what can be had a second time from nowhere.
   */
  settle(): Promise<void>;
  /**
   * The same without the wait, which is left to a process of its own: called once before a build reports success. Until
   * that has ended a power loss may take what was written, and what it leaves is checked before it is used. Nothing is
   * done where nothing was written. It waits all the same where TSBUILD_SYNC is `wait`, and as the first process of a
   * container, with which that other process would end.
   */
  settleAside(): Promise<void>;
}
