import type { Digest } from '../core/index.ts';
import type { Descriptor } from '../oci/types.ts';
import type { ResourceConfig } from '../oci/runtime-spec.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Snapshot, Snapshotter } from '../snapshot/index.ts';
import type { Sources } from '../source/types.ts';
import type { Lease, Store } from '../store/index.ts';
import type { BuildContext } from './context.ts';
import type { StatCaches } from './copy/stat-caches.ts';
import type { GivenToRuns } from './run/given.ts';
import type { StepNetworks } from './run/networks.ts';
import type { SshAgents } from './ssh-agents.ts';

/** One layer of a state. */
export interface LayerState {
  readonly diffId: Digest;
  /** The bytes as the store has them: a base's compressed form, or our own uncompressed tar. */
  readonly descriptor: Descriptor;
  /** When this build, or the one that the cache remembers, made it; a base's layers have their time in its history. */
  readonly created?: string | undefined;
}

/** A state whose layers are packed and whose content is known: what the cache keeps. */
export interface SettledState {
  readonly snapshot: Snapshot | undefined;
  readonly layers: readonly LayerState[];
  /** Stands for the whole state, times left out: equal digests are equal states (design decision 7). */
  readonly contentDigest: Digest;
}

/** What a step results in: usable at once through its snapshot, while packing goes on beside the next step. */
export interface State {
  /** Undefined for the empty root. */
  readonly snapshot: Snapshot | undefined;
  readonly settled: Promise<SettledState>;
}

/** What the ops of one build share. */
export interface BuildServices {
  readonly store: Store;
  readonly lease: Lease;
  readonly snapshotter: Snapshotter;
  readonly runtime: Runtime;
  /** `mainContext` and the named ones that are folders. */
  readonly contexts: ReadonlyMap<string, BuildContext>;
  /** What is known of the contexts' files from earlier builds; undefined: they are read anew, and not remembered. */
  readonly statCaches?: StatCaches | undefined;
  readonly sources: Sources;
  /** Aborted by the user; unlike a step's own signal not by the failure of a step beside it. */
  readonly interrupted: AbortSignal;
  readonly secrets: ReadonlyMap<string, SecretSource>;
  /** What `--ssh` gives, by id; opened by whoever made the services. */
  readonly ssh: SshAgents;
  readonly limits: RunLimits;
  /** To every RUN step of a Dockerfile. */
  readonly given?: GivenToRuns | undefined;
  readonly networks: StepNetworks;
}

export type SecretSource =
  { readonly kind: 'file'; readonly path: string } | { readonly kind: 'env'; readonly name: string };

/** An agent's socket, or private keys that an agent of the build's own is to hold. */
export type SshSource =
  | { readonly kind: 'agent'; readonly socket: string }
  | { readonly kind: 'keys'; readonly paths: readonly string[] };

/** Limits of RUN containers; never part of a key (C-22). */
export interface RunLimits {
  readonly resources: ResourceConfig;
  readonly rlimits: readonly { readonly type: string; readonly soft: number; readonly hard: number }[];
  /** Bytes of /dev/shm. */
  readonly shmSize?: number | undefined;
  /** Absolute below the root of the cgroups: where the container's own is made. */
  readonly cgroupParent?: string | undefined;
}
