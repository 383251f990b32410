import type { Digest } from '../../../core/index.ts';
import type { LiveLeases, Store, StorePaths } from '../../../store/index.ts';

/**
 * `damage`: something of the store is not what it should be. `leftover`: what killed processes or a power loss leave, or
 * nothing needs any more; it does no harm, and goes with the next prune.
 */
export type Severity = 'damage' | 'leftover';

export interface Finding {
  readonly severity: Severity;
  readonly kind: 'blob' | 'image' | 'record' | 'snapshot' | 'container' | 'layout' | 'temporary';
  /** Which one: a digest, a name, a path below the store's root. */
  readonly subject: string;
  readonly problem: string;
  /** Names or ids of the images that it is a part of. */
  readonly images?: readonly string[] | undefined;
  /** What the user can do where repairing cannot. */
  readonly hint?: string | undefined;
  /** Undefined where it cannot be put right by removing it. What is left to the collector is empty. */
  readonly repair?: (() => Promise<unknown>) | undefined;
}

/** A store under examination: its collector waits. */
export interface Examined {
  readonly store: Store;
  readonly paths: StorePaths;
  readonly leases: LiveLeases;
  /** Blobs whose bytes are not what their name says. */
  readonly damaged: ReadonlySet<Digest>;
}
