import type { CacheType } from './step-text.ts';

/** One kind of what the store holds. Bytes are of the disk. */
export interface DuRow {
  readonly type:
    | 'Images'
    | 'Cached steps'
    | 'Cache mounts'
    | 'Sources'
    | 'Containers'
    | 'Volumes'
    | 'Build history'
    | 'Temporary'
    | 'Bookkeeping';
  readonly count: number;
  /** Of them, those that something needs. */
  readonly active: number;
  /** Of all files that they need. */
  readonly size: number;
  /** Of those that rows above need, too, and count already. */
  readonly shared: number;
  /** What comes free when all of them that are not in use go, and nothing else. */
  readonly reclaimable: number;
  /** Milliseconds since the epoch; 0 when that is not known. */
  readonly used: number;
}

/** One thing that `prune` may remove. */
export interface DuEntry {
  readonly id: string;
  readonly type: CacheType;
  readonly text: string;
  /** ISO 8601; empty when that is not known. */
  readonly created: string;
  readonly used: number;
  /** Of the files that it adds to those of the steps it stands on. */
  readonly size: number;
  /** Whether an image or a container needs the same files. */
  readonly shared: boolean;
  readonly inUse: boolean;
}

export interface DiskReport {
  readonly rows: readonly DuRow[];
  /** Most recently used first. */
  readonly entries: readonly DuEntry[];
  /** Of the whole store, each file once. */
  readonly total: number;
}
