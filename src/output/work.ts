import type { EmitBuildEvent } from '../core/index.ts';
import type { PushImageOptions } from '../image/index.ts';
import type { Snapshotter } from '../snapshot/index.ts';
import type { Store } from '../store/index.ts';

/** What outputs are written with. */
export interface OutputWork {
  readonly store: Store;
  readonly snapshotter: Snapshotter;
  /** Of every image, beside those of the output itself. */
  readonly names: readonly string[];
  readonly signal: AbortSignal;
  readonly emit: EmitBuildEvent;
  /** Takes what goes to standard output; the chunk is the writer's again when the promise has settled. */
  readonly stdout: (chunk: Uint8Array) => Promise<void>;
  readonly onPush?: PushImageOptions['onProgress'];
}
