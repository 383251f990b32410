import type { Digest } from '../../core/index.ts';
import type { ContainerSpec } from '../../runtime/index.ts';
import type { SnapshotId } from '../../snapshot/index.ts';

/** A container as it was created; never changes. */
export interface ContainerRecord {
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly name: string;
  readonly image: { readonly id: Digest; readonly name: string };
  readonly command: readonly string[];
  /** ISO 8601. */
  readonly created: string;
  /** Removed when it ends (--rm). */
  readonly autoRemove: boolean;
  /** Number sent first by `stop`. */
  readonly stopSignal: number;
  /** Snapshots below its own writable folder: not to be collected. */
  readonly chain: readonly SnapshotId[];
  readonly spec: ContainerSpec;
}

/** What became of it. `running` counts only while the monitor's or the command's lock is held: a pid proves nothing. */
export type ContainerState =
  | { readonly status: 'created' }
  | { readonly status: 'running'; readonly pid: number; readonly started: string }
  | {
      readonly status: 'exited';
      readonly exitCode: number;
      readonly started?: string | undefined;
      readonly finished: string;
      readonly error?: string | undefined;
      /** Processes of it were killed for its memory limit. */
      readonly outOfMemory?: boolean | undefined;
    }
  /** Its monitor died with it: how it ended is not known. */
  | { readonly status: 'dead'; readonly started: string };
