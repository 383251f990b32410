import type { ByteString, Digest } from '../core/index.ts';
import type { OverlaySource } from '../sys/overlay.ts';
import type { RootDir } from '../sys/rootdir.ts';

/** Name of a snapshot's folder: ten random characters of [a-z0-9]; short, since old kernels take all lowers in one page. */
export type SnapshotId = string & { readonly __snapshot: true };

/** A committed, immutable state on disk: an overlay upper on top of those before it in `chain`, or a tree of its own. */
export interface Snapshot {
  readonly id: SnapshotId;
  /** All snapshots of the state, bottom first, this one last: an overlay's lowers in reverse. */
  readonly chain: readonly SnapshotId[];
}

/** A merged tree held by a detached mount: never in the host's mount table, gone with its descriptor. */
export interface MountedRoot extends AsyncDisposable {
  readonly root: RootDir;
}

export type EntryKind = 'file' | 'directory' | 'symlink' | 'hardlink' | 'char' | 'block' | 'fifo';

/** One normalised difference between two merged trees; names are relative, without `./`, sorted bytewise, a whiteout before its siblings' additions. */
export type Change =
  | { readonly kind: 'remove'; readonly path: ByteString }
  | { readonly kind: 'put'; readonly path: ByteString; readonly entry: Entry };

export interface Entry {
  readonly type: EntryKind;
  /** Permission and set-id bits, 0…07777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Whole seconds since the epoch. */
  readonly mtime: number;
  /** Bytes of a file's content; 0 else. */
  readonly size: number;
  /** Symlink text, or for a hard link the path of the first name in this layer. */
  readonly link?: ByteString | undefined;
  readonly device?: { readonly major: number; readonly minor: number } | undefined;
  /** Only those that a layer carries (design decision 5), sorted by name. */
  readonly xattrs: readonly (readonly [name: ByteString, value: ByteString])[];
}

/** A layer of our own making. */
export interface PackedLayer {
  readonly diffId: Digest;
  /** Bytes of the uncompressed tar, which is in the blob store under its diff id. */
  readonly size: number;
  /** Digest of the changes without times: what content cut-off compares. */
  readonly changesDigest: Digest;
  readonly entries: number;
}

/** How whoever mounts a state by itself (a container) gets at it. */
export type StateSource =
  | { readonly kind: 'overlay'; readonly overlay: OverlaySource }
  /** A host folder that holds the whole tree. */
  | { readonly kind: 'folder'; readonly path: string };

/** A writable state on top of a parent; disposing without commit removes it. */
export interface ActiveSnapshot extends AsyncDisposable {
  readonly id: SnapshotId;
  readonly source: StateSource;
  /** The host folder in which what is made comes to be: of a state without parent, the whole tree. */
  readonly folder: string;
  /** The merged tree, writable, for the builder's own file operations. Close it before commit. */
  mount(): Promise<MountedRoot>;
  /** Makes it immutable. */
  commit(): Promise<Snapshot>;
  /**
   * As `commit`, for whoever has something more urgent: states may be begun on top of it at once, and what it takes on the
   * disk is done when the event loop turns.
   */
  commitSoon(): CommittedSoon;
}

export interface CommittedSoon {
  readonly snapshot: Snapshot;
  /** Fails as `commit` does, and the snapshot is then removed. */
  readonly done: Promise<unknown>;
  /** Nothing was changed: the snapshot is the parent, and there is nothing to pack. */
  readonly unchanged: boolean;
}

export interface Snapshotter {
  /** `undefined` is the empty root. */
  prepare(parent: Snapshot | undefined): Promise<ActiveSnapshot>;
  /** Read-only merged tree. */
  view(snapshot: Snapshot | undefined): Promise<MountedRoot>;
  /** Differences of a committed snapshot against its parents. */
  changes(snapshot: Snapshot, options?: { readonly signal?: AbortSignal | undefined }): AsyncIterable<Change>;
  /** Host folders of a state, top first, for an overlay that somebody else mounts (a container's own). */
  lowers(snapshot: Snapshot | undefined): readonly string[];
  /** For reading what `changes` puts, by the same paths: all of that is in it, and maybe more. Cheaper than a view. */
  contents(snapshot: Snapshot): Promise<MountedRoot>;
  /** Whether a snapshot has below its root, under a single name, nothing else than what it stands on: true is certain. */
  leavesAlone(id: SnapshotId, name: ByteString): boolean;
  /** Host path of a file that goes with the snapshot, for what its maker wants to know of it later; maybe there is none. */
  notes(id: SnapshotId): string;
  /** True while its folder stands and was committed. */
  exists(id: SnapshotId): Promise<boolean>;
  remove(id: SnapshotId): Promise<void>;
}

/** `copy`: every snapshot is a whole tree, copied from its parent's; where no overlay can be mounted. */
export type SnapshotDriver = 'overlay' | 'copy';

/** Snapshots in a folder of this machine. */
export interface LocalSnapshotter extends Snapshotter {
  readonly driver: SnapshotDriver;
  /** Removes what killed processes left: never committed, and held by no living process. Returns how many. */
  sweep(): Promise<number>;
}
