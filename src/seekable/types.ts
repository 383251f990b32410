import type { Digest } from '../core/index.ts';

/** Layers of which a file can be fetched without the rest: eStargz, and zstd:chunked of containers/storage. */
export type SeekableKind = 'estargz' | 'zstd:chunked';

export interface SeekableForm {
  readonly kind: SeekableKind;
  /** As gzip or zstd counts; that of plain layers unless told. */
  readonly level?: number | undefined;
}

/** What a manifest says of such a layer. */
export interface SeekableFacts {
  /** Of its descriptor; none where the layer has what no table of contents can say: it is an ordinary one then. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Digest of what it unpacks to, where that is not the tar it was made of. */
  readonly diffId?: Digest | undefined;
}

export interface SeekableLayer {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Once all bytes have been read. */
  facts(): SeekableFacts;
}
