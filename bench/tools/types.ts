import type { Timed } from '../measure.ts';

export type Packing = 'gzip' | 'zstd';

/** One builder with a store of its own that already holds the base. What it cannot do is undefined. */
export interface Tool extends AsyncDisposable {
  readonly name: string;
  readonly version: string;
  /** Name under which the base is known to this tool. */
  readonly base: string;
  /** Builds a folder into a tagged image, with the host's network and every step cached. */
  build(context: string, tag: string): Timed;
  /** Runs `true` in a new container and removes it. */
  runTrue(tag: string): Timed | undefined;
  /** Sends an image, under a name of a registry without TLS. */
  push(tag: string, to: string, packing: Packing): Timed | undefined;
  pull(from: string): Timed;
}
