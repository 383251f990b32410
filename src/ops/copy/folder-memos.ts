import { digestOf, digestParts, type ByteString, type Digest } from '../../core/index.ts';
import type { FolderEntries } from '../../sys/index.ts';
import { RowCache } from './row-cache.ts';
import type { Row } from './row-digest.ts';

/** What a folder's own entries come to for a key, without what is in the folders among them. */
export interface FolderSummary {
  /** Of the rows of all that is taken but folders. */
  readonly digest: Digest;
  readonly files: number;
  /** Folders to look into, with the row that each stands for, and whether it counts even if nothing in it is taken. */
  readonly folders: readonly (readonly [name: ByteString, row: Row, shown: boolean])[];
  /** Files that have other names, by inode. */
  readonly linked: readonly (readonly [name: ByteString, inode: string])[];
}

export interface FolderMemosOptions {
  readonly load: () => string | undefined;
  /** Told how many files need not be looked at. */
  readonly found: (files: number) => void;
}

/**
 * Summaries of folders, by the rules of the walk and by all that the stats of their entries say, so that an unchanged
 * folder costs no work for each of its files. Who adds one must know that any change will show in those stats.
 */
export class FolderMemos {
  readonly #rows: RowCache;
  readonly #found: (files: number) => void;

  constructor({ load, found }: FolderMemosOptions) {
    this.#rows = new RowCache(load);
    this.#found = found;
  }

  get news(): boolean {
    return this.#rows.news;
  }

  find(key: string): FolderSummary | undefined {
    const value = this.#rows.find(key);
    if (value === undefined) return undefined;
    const summary = JSON.parse(value) as FolderSummary;
    this.#found(summary.files);
    return summary;
  }

  add(key: string, summary: FolderSummary): void {
    this.#rows.add(key, JSON.stringify(summary));
  }

  clear(): void {
    this.#rows.clear();
  }

  rows(): string | undefined {
    return this.#rows.rows();
  }
}

/** `rules` stands for all that decides about an entry but the entry itself. */
export function folderKey(rules: string, below: ByteString, { bytes }: FolderEntries): string {
  return digestParts(digestOf(`${digestOf(bytes)} ${rules} ${below}`)).hex;
}
