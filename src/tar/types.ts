import type { ByteString } from '../core/index.ts';

export type TarEntryType = 'file' | 'directory' | 'symlink' | 'hardlink' | 'char' | 'block' | 'fifo';

/** What a tar says about one entry. A snapshot's `Entry` plus its path is one of these. */
export interface TarHeader {
  readonly type: TarEntryType;
  /** Raw bytes, `/` between components. The writer takes it without a trailing `/` (`''` is the root); the reader strips it. */
  readonly path: ByteString;
  /** Permission and set-id bits, 0…07777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Whole seconds since the epoch, may be negative. */
  readonly mtime: number;
  /** Nanoseconds above `mtime`, 0…999 999 999; 0 unless told. */
  readonly mtimeNanos?: number | undefined;
  /** Bytes of a file's body; 0 for every other type. */
  readonly size: number;
  /** Symlink text, or the path of a hard link's target in the archive. */
  readonly link?: ByteString | undefined;
  readonly device?: { readonly major: number; readonly minor: number } | undefined;
  readonly xattrs: readonly (readonly [name: ByteString, value: ByteString])[];
}

/** What an archive says of an entry word by word: for who writes about the archive, not about the file. */
export interface TarWording {
  /** With its trailing slashes. */
  readonly name: ByteString;
  /** Some writers put the file type's bits there, too. */
  readonly mode: number;
  /** Bytes; also of what has no body. */
  readonly size: number;
  readonly pax: ReadonlyMap<string, ByteString>;
  /** Headers that speak of all later entries came before this one. */
  readonly isAfterGlobal: boolean;
}

/** One entry of an archive being read; its body is readable until the next entry is asked for. */
export interface TarEntry {
  readonly header: TarHeader;
  wording(): TarWording;
  /** Bytes of the archive before the body. */
  readonly bodyAt: number;
  /** The whole body when its bytes are already in memory in one piece, without waiting; undefined else. Consumes it. */
  buffered(): Uint8Array | undefined;
  /** The body's bytes as they arrive, or what is left of them; slices of the source's own chunks. */
  chunks(): AsyncIterable<Uint8Array>;
}

/** Bounds that protect the machine from a hostile archive; passing one is ARCHIVE_LIMIT. */
export interface TarLimits {
  /** Entries, extended headers not counted. */
  readonly entries: number;
  /** Bytes of the (decompressed) archive. */
  readonly bytes: number;
  /** Bytes of one extended header (PAX, or a GNU long name). */
  readonly extendedHeader: number;
  /** Bytes of a path or a link. */
  readonly path: number;
  /** Components of a path. */
  readonly depth: number;
}

export const defaultTarLimits: TarLimits = {
  entries: 10_000_000,
  bytes: 64 * 2 ** 30,
  extendedHeader: 2 ** 20,
  path: 4096,
  depth: 512,
};

export type Compression = 'none' | 'gzip' | 'zstd' | 'bzip2' | 'xz';
