import type { Readable, Writable } from 'node:stream';

import type { Usage } from '../core/index.ts';
import type { ResourceConfig, RuntimeConfig } from '../oci/runtime-spec.ts';
import type { OverlaySource } from '../sys/overlay.ts';
import type { FileTime } from '../sys/rootdir.ts';
import type { Isolation } from './isolation.ts';

export type { Usage };

/**
 * Where `/` comes from. An overlay is mounted by the launcher inside the container's own mount namespace.
 */
export type RootfsSource =
  | { readonly kind: 'overlay'; readonly overlay: OverlaySource; readonly volatile: boolean }
  | { readonly kind: 'bind'; readonly path: string };

/**
 * `inherit`: from and to the caller's own descriptors 0, 1, 2, relayed. `pipe`: stdin is /dev/null, output comes as streams.
 * `terminal`: a pseudo-terminal of the container's devpts, relayed from and to the caller's descriptors 0 and 1.
 */
export type Stdio = 'inherit' | 'pipe' | 'terminal';

export interface ContainerSpec {
  /** `[A-Za-z0-9_.-]+`, becomes cgroup and folder names. */
  readonly id: string;
  /** The contract: an OCI runtime-spec config, printable, runnable by runc (design decision 19). */
  readonly config: RuntimeConfig;
  readonly rootfs: RootfsSource;
  readonly stdio: Stdio;
  /**
   * What `inherit` and `terminal` take from the caller's descriptor 0 otherwise. `none`: /dev/null. `stream`: what is
   * written to `stdin` of the container.
   */
  readonly stdin?: 'caller' | 'none' | 'stream' | undefined;
  /** The output of `inherit` and `terminal` comes as streams; a terminal's as `stdout`. */
  readonly streams?: boolean | undefined;
  /**
   * By destination of a mount: the path inside its source that is mounted, resolved there as if the source were `/`, so
   * that whoever may write to the source (two steps that share a cache) cannot lead the mount elsewhere.
   */
  readonly subpaths?: Readonly<Record<string, string>> | undefined;
  /** By destination: what a sub-path of an overlay is. Where it is told, a missing mount point never touches the upper. */
  readonly subpathKinds?: Readonly<Record<string, 'file' | 'directory'>> | undefined;
  /** By path in the container: where this machine has a device that is elsewhere inside, for where none can be made. */
  readonly deviceSources?: Readonly<Record<string, string>> | undefined;
  /** Makes a missing working directory, 0755 and owned by the user; it stays in the root file system. */
  readonly createCwd?: boolean | undefined;
  /** Output of `inherit` that nobody wants to see. */
  readonly muted?: readonly ('stdout' | 'stderr')[] | undefined;
  /** The first process is a reaper, and the program its child: what other programs leave behind is waited for. */
  readonly init?: boolean | undefined;
}

/**
 * A mount point that neither the image nor the stubs had, and that now is in the container's root file system.
 * `runContainer` takes it away again; see `removeCreatedPoints`.
 */
export interface CreatedPoint {
  /** Inside the root, all links resolved. */
  readonly path: string;
  readonly directory: boolean;
  /** Modification time of the parent directory, before and after. */
  readonly parentBefore: FileTime;
  readonly parentAfter: FileTime;
}

export type ExitStatus =
  { readonly kind: 'exited'; readonly code: number } | { readonly kind: 'signaled'; readonly signal: number };

export interface Container extends AsyncDisposable {
  readonly id: string;
  /** Process id of the container's PID 1 on the host. */
  readonly pid: number;
  /** In the order of creation. */
  readonly created: readonly CreatedPoint[];
  /** What could not be had on this machine and was not asked for by name; one line each. */
  readonly warnings: readonly string[];
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** Once; COMMAND_NOT_FOUND or COMMAND_NOT_EXECUTABLE when the program cannot be executed. */
  start(): Promise<void>;
  signal(signal: number): Promise<void>;
  /** Kills every process of the container. */
  kill(): Promise<void>;
  /** Terminal only: its size in characters. */
  resize(size: { readonly columns: number; readonly rows: number }): Promise<void>;
  /** Stops or continues every process. */
  pause(paused: boolean): Promise<void>;
  /** Changes the limits while it runs. */
  update(limits: ResourceConfig): Promise<void>;
  /** When PID 1 has ended; output may still be on its way. Fails like `start` when the program was never executed. */
  wait(): Promise<ExitStatus>;
  /** Until now; after the end still to be had, until the container is disposed of. */
  usage(): Promise<Usage>;
}

export interface CreateOptions {
  /** Kills the container. */
  readonly signal?: AbortSignal | undefined;
  /** Starts as soon as it is set up, which saves a round trip; `start` then only waits for that. */
  readonly start?: boolean | undefined;
  /** Told of hooks that failed when that changes nothing any more; else they are among the container's warnings. */
  readonly warn?: ((message: string) => void) | undefined;
}

/** Disposing ends what was begun for containers that never came; nothing is left where none was expected. */
export interface Runtime extends Disposable {
  readonly isolation: Isolation;
  /** A container whose stdio is `pipe` is about to be created: what its start takes is begun. Never fails. */
  expect(): void;
  /** Everything is set up and PID 1 waits for `start`. Failures are RUNTIME_SETUP with the step and errno. */
  create(spec: ContainerSpec, options?: CreateOptions): Promise<Container>;
}
