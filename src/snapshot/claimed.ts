import type { Flock, RootDir } from '../sys/index.ts';
import type { SnapshotFolder } from './folder.ts';
import type { MountedRoot, Snapshot, SnapshotId } from './types.ts';

/** The folder of a snapshot in the making, which its maker holds until it is committed or given up. */
export class ClaimedFolder {
  readonly id: SnapshotId;
  readonly chain: readonly SnapshotId[];
  /** Where its files are made. */
  readonly fs: string;
  readonly #folder: SnapshotFolder;
  readonly #lock: Flock;
  #state: 'open' | 'mounted' | 'done' = 'open';

  constructor(
    folder: SnapshotFolder,
    parent: Snapshot | undefined,
    claim: { readonly id: SnapshotId; readonly lock: Flock },
  ) {
    this.id = claim.id;
    this.chain = [...(parent?.chain ?? []), claim.id];
    this.fs = folder.fs(claim.id);
    this.#folder = folder;
    this.#lock = claim.lock;
  }

  /** Holds its work folder and what else is beside its files. */
  get path(): string {
    return this.#folder.of(this.id);
  }

  /** One at a time; what `closed` does comes after the last use of the root, unless the snapshot is done by then. */
  mounted(open: () => RootDir, closed: () => void = () => undefined): MountedRoot {
    if (this.#state !== 'open') throw new Error(`the snapshot ${this.id} is ${this.#state}`);
    const root = open();
    this.#state = 'mounted';
    return {
      root,
      [Symbol.asyncDispose]: async () => {
        root[Symbol.dispose]();
        if (this.#state !== 'mounted') return;
        this.#state = 'open';
        closed();
      },
    };
  }

  requireOpen(): void {
    if (this.#state === 'open') return;
    throw new Error(`the snapshot ${this.id} is ${this.#state}: it cannot be committed`);
  }

  /** The maker's part is over: what is left to do is to `commit` or `remove` it. */
  finish(): Snapshot {
    this.requireOpen();
    this.#state = 'done';
    return { id: this.id, chain: this.chain };
  }

  commit(): void {
    this.#folder.commit(this.id, this.#lock, this.chain);
  }

  remove(): void {
    try {
      this.#folder.remove(this.id);
    } finally {
      this.#lock.release();
    }
  }

  /** Removes it, unless it is finished: a commit that failed is none. */
  giveUp(): void {
    if (this.#state === 'done') return;
    this.#state = 'done';
    this.remove();
  }
}
