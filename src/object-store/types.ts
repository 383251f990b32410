import type { Digest } from '../core/index.ts';
import type { RetryPolicy } from '../http/index.ts';

/** Bytes that are known by their digest. */
export interface Blob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** A blob that can be read from anywhere, as often as it takes. */
export interface BlobBytes extends Blob {
  /** The bytes from `start` up to `end`, which is not included. */
  read(start: number, end: number): AsyncIterable<Uint8Array>;
}

/**
 * A service that keeps blobs by digest, and beside them small documents that change. Its methods throw the CACHE_SERVICE_
 * codes and INTERRUPTED.
 */
export interface BlobPlace {
  /** For people: it has no secrets. */
  readonly name: string;
  /** So many blobs travel at once. */
  readonly parallelism: number;
  /** Whether it has the blob; one that it has counts as used just now, by those who clean up there. */
  has(blob: Blob): Promise<boolean>;
  put(blob: BlobBytes): Promise<void>;
  /** The bytes as they come, unverified and no more than its size; a cut is resumed. Throws BLOB_NOT_FOUND. */
  read(blob: Blob): AsyncIterable<Uint8Array>;
  /** The documents of the place, in the order in which they are believed; of one whose name is given several times each. */
  documents(): Promise<readonly Buffer[]>;
  /**
   * Puts another document into the place of the one that is there. `change` is asked again with what is there then when
   * somebody else was quicker, so that nothing is lost; undefined lets it stand.
   */
  replace(change: ChangeDocument): Promise<void>;
}

/** From what is there under a name, if anything, to what is to stand there. */
export type ChangeDocument = (there: Buffer | undefined, name: string) => Uint8Array | undefined;

export interface PlaceOptions {
  readonly signal: AbortSignal;
  readonly retry: RetryPolicy;
  /** Milliseconds without progress after which a request is begun anew. */
  readonly stall: number;
  /** Bytes of the pieces in which large blobs are sent; 32 MiB unless told. */
  readonly part?: number | undefined;
}

/** The cache service of GitHub Actions, or of what speaks like it. Nothing is known of it but what its jobs are told. */
export interface GhaSpec {
  readonly kind: 'gha';
  /** Builds of one scope share a document. */
  readonly scope: string;
  readonly version: 1 | 2;
  /** Undefined where the environment has none. */
  readonly url: string | undefined;
  readonly token: string | undefined;
  /** Milliseconds for one blob or document, all tries included. */
  readonly timeout: number;
  /** With these the blobs that are there are listed once, in the place of a question for each. */
  readonly listing: { readonly api: string; readonly repository: string; readonly token: string } | undefined;
}

interface NamedSpec {
  /** Of documents; the first is the one to be read. */
  readonly names: readonly string[];
  readonly prefix: string;
  readonly blobsPrefix: string;
  readonly manifestsPrefix: string;
}

export interface S3Spec extends NamedSpec {
  readonly kind: 's3';
  readonly bucket: string;
  /** Unless told the profile's. */
  readonly region: string | undefined;
  /** Of a service that is not Amazon's. */
  readonly endpoint: string | undefined;
  /** The bucket stands in the path, not in the host's name. */
  readonly pathStyle: boolean;
  /** Unless told those of the environment and the profile. */
  readonly keys: AwsKeys | undefined;
  /** Milliseconds after which what is there is made young again. */
  readonly touchRefresh: number;
  readonly parallelism: number;
}

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
}

export interface AzureSpec extends NamedSpec {
  readonly kind: 'azblob';
  /** `https://ACCOUNT.blob.core.windows.net`, without a query. */
  readonly accountUrl: string;
  readonly account: string;
  readonly container: string;
  readonly proof: AzureProof | undefined;
}

export type AzureProof =
  /** The account's key, base64. */
  | { readonly kind: 'key'; readonly key: string }
  /** A shared access signature: a query without its question mark. */
  | { readonly kind: 'sas'; readonly query: string };

export type ServiceSpec = GhaSpec | S3Spec | AzureSpec;
