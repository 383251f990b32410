import type { Digest } from '../core/index.ts';
import type { GitSource, HttpSource } from '../dockerfile/types.ts';

export interface FetchOptions {
  readonly signal: AbortSignal;
  /** Bytes so far, and in all where the sender tells. */
  readonly onProgress?: ((current: number, total?: number) => void) | undefined;
}

/** Full commit id: 40 hex digits, or 64 where the repository uses SHA-256. */
export type GitCommit = string & { readonly __commit: true };

export interface GitFetcher {
  /** The commit that the source's ref names now; asks the remote, unless the ref is a full commit id. */
  resolve(source: GitSource, options: FetchOptions): Promise<GitCommit>;
  /**
   * Puts the files of the commit into an empty folder: those of `subdir` alone, if there is one. Returns the commit's time in
   * seconds since the epoch.
   */
  checkout(
    source: GitSource,
    into: { readonly commit: GitCommit; readonly folder: string },
    options: FetchOptions,
  ): Promise<number>;
}

/** A fetched file, kept in the store's download cache. */
export interface FetchedFile {
  /** Host path; read-only to the caller. */
  readonly path: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** That of `fileNameOfUrl`, a plain file name; what the server calls it has no part in it (S-42). */
  readonly filename: string;
  /** Seconds since the epoch, of the Last-Modified header. */
  readonly modified?: number | undefined;
}

export interface HttpFetcher {
  /** The file as it is now: a copy of an earlier build is used when the server says that it is still the same. */
  fetch(
    source: HttpSource,
    options: FetchOptions & {
      /** Most bytes that are taken; 64 GiB unless told. More is SOURCE_INVALID. */
      readonly limit?: number | undefined;
    },
  ): Promise<FetchedFile>;
}

export interface Sources {
  readonly git: GitFetcher;
  readonly http: HttpFetcher;
}

/** What a build fetched, and what it got. */
export type FetchedSource =
  | { readonly kind: 'git'; readonly source: GitSource; readonly commit: GitCommit }
  | { readonly kind: 'http'; readonly source: HttpSource; readonly digest: Digest };
