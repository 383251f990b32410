import type { Readable } from 'node:stream';

import type { RuntimeConfig } from '../oci/runtime-spec.ts';
import type { OverlaySource } from '../sys/overlay.ts';

/**
 * Where `/` comes from. An overlay is mounted by the launcher inside the container's own mount namespace.
 */
export type RootfsSource =
  | { readonly kind: 'overlay'; readonly overlay: OverlaySource; readonly volatile: boolean }
  | { readonly kind: 'bind'; readonly path: string };

/**
 * `inherit`: the caller's own descriptors 0, 1, 2. `pipe`: stdin is /dev/null, output comes as streams.
 * `terminal`: a pseudo-terminal of the container's devpts, relayed from and to the caller's descriptors 0 and 1.
 */
export type Stdio = 'inherit' | 'pipe' | 'terminal' | 'detached-pipe';

export interface ContainerSpec {
  /** `[A-Za-z0-9_.-]+`, becomes cgroup and folder names. */
  readonly id: string;
  /** The contract: an OCI runtime-spec config, printable, runnable by runc (design decision 19). */
  readonly config: RuntimeConfig;
  readonly rootfs: RootfsSource;
  readonly stdio: Stdio;
}

export type ExitStatus =
  { readonly kind: 'exited'; readonly code: number } | { readonly kind: 'signaled'; readonly signal: number };

/** What the container used; a figure that the host cannot give is absent. Bytes and microseconds. */
export interface Usage {
  readonly cpuMicros?: number | undefined;
  readonly memoryPeak?: number | undefined;
  readonly pidsPeak?: number | undefined;
  /** Processes killed for lack of memory under the container's own limit. */
  readonly oomKills?: number | undefined;
}

export interface Container extends AsyncDisposable {
  readonly id: string;
  /** Process id of the container's PID 1 on the host. */
  readonly pid: number;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  start(): Promise<void>;
  signal(signal: number): Promise<void>;
  /** Kills every process of the container. */
  kill(): Promise<void>;
  wait(): Promise<ExitStatus>;
  usage(): Promise<Usage>;
}

export interface Runtime {
  /** Everything is set up and PID 1 waits for `start`. Failures are RUNTIME_SETUP with the step and errno. */
  create(spec: ContainerSpec, options?: { signal?: AbortSignal | undefined }): Promise<Container>;
}
