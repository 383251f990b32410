import type { Digest, Json } from '../../core/index.ts';

/** What is said of an image, before it is known under which manifest digest the image goes out. */
export interface Attestation {
  /** URI, as `https://slsa.dev/provenance/v1`. */
  readonly predicateType: string;
  readonly predicate: Json;
  /** In local and tar outputs. */
  readonly filename: string;
}

/** What is attested to. */
export interface Subject {
  /** Package URL of the image's name, or `_`. */
  readonly name: string;
  /** Of the image's manifest. */
  readonly digest: Digest;
}
