import type { Digest } from '../../core/index.ts';
import type { ContainerSpec } from '../../runtime/index.ts';
import type { SnapshotId } from '../../snapshot/index.ts';
import type { VolumeUse } from '../volumes/types.ts';
import type { AskedOptions } from './asked.ts';
import type { NetworkRecord, RunningNetwork } from './network/types.ts';

/** When a container that ended is started again; `stop`, `kill` and the end of its monitor end that. */
export type RestartPolicy =
  | { readonly name: 'no' | 'always' | 'unless-stopped' }
  /** After a failure only; `retries`: how often in a row, without it for ever. */
  | { readonly name: 'on-failure'; readonly retries?: number | undefined };

/** How a running container is probed. Milliseconds. */
export interface HealthCheck {
  /** `["CMD", program, arguments …]` or `["CMD-SHELL", line]`. */
  readonly test: readonly string[];
  /** What runs the line; `/bin/sh -c` unless told. */
  readonly shell?: readonly string[] | undefined;
  readonly interval: number;
  readonly timeout: number;
  /** Failures so early do not count. */
  readonly startPeriod: number;
  /** Between probes until the first success of the start period. */
  readonly startInterval: number;
  /** So many failures in a row make it unhealthy. */
  readonly retries: number;
}

/** The log of a container: `maxFiles` files of at most about `maxSize` bytes each. */
export interface LogOptions {
  readonly maxSize: number;
  readonly maxFiles: number;
}

/** How a container lives, beside what its program sees: what `run` and `create` may choose. */
export interface LifeOptions {
  /** `no` unless told. */
  readonly restart?: RestartPolicy | undefined;
  readonly healthCheck?: HealthCheck | undefined;
  /** 3 files of 10 MiB unless told. */
  readonly logOptions?: LogOptions | undefined;
  /** In the background: its standard input is a pipe that `attach` and `start -i` write to. */
  readonly openStdin?: boolean | undefined;
  /** Keys that leave an attached terminal, as parsed bytes; ctrl-p,ctrl-q unless told. */
  readonly detachKeys?: readonly number[] | undefined;
  /** Seconds between the stop signal and SIGKILL; 10 unless told. */
  readonly stopTimeout?: number | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** A container as it was created; but for its name it never changes. */
export interface ContainerRecord extends LifeOptions {
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
  /** Those it has mounted: they are kept as long as the container is. */
  readonly volumes?: readonly VolumeUse[] | undefined;
  /** Absent: the network is as the runtime configuration has it. */
  readonly network?: NetworkRecord | undefined;
  /** What `inspect` tells of the options it was made with. */
  readonly asked?: AskedOptions | undefined;
}

export interface Probe {
  /** ISO 8601. */
  readonly start: string;
  readonly end: string;
  /** -1: it was killed at its timeout, or could not be run. */
  readonly exitCode: number;
  /** Its first 4096 bytes. */
  readonly output: string;
}

export interface Health {
  readonly status: 'starting' | 'healthy' | 'unhealthy';
  readonly failingStreak: number;
  /** The last five, oldest first. */
  readonly log: readonly Probe[];
}

/** What became of it. `running` counts only while the monitor's or the command's lock is held: a pid proves nothing. */
export type ContainerState =
  /** `error`: why its program could not be started, when that was tried. */
  | {
      readonly status: 'created';
      readonly error?: string | undefined;
      readonly exitCode?: number | undefined;
    }
  | {
      readonly status: 'running';
      readonly pid: number;
      /** Of the process, in the kernel's ticks since the boot: with it the pid names one process only. */
      readonly startTicks?: number | undefined;
      readonly started: string;
      readonly paused?: boolean | undefined;
      readonly health?: Health | undefined;
      /** On the bridge. */
      readonly network?: RunningNetwork | undefined;
      /** How often its restart policy has started it again. */
      readonly restarts?: number | undefined;
    }
  /** It has ended, and its monitor is about to start it again. */
  | {
      readonly status: 'restarting';
      readonly exitCode: number;
      readonly started: string;
      readonly finished: string;
      readonly restarts: number;
    }
  | {
      readonly status: 'exited';
      readonly exitCode: number;
      readonly started?: string | undefined;
      readonly finished: string;
      readonly error?: string | undefined;
      /** Processes of it were killed for its memory limit. */
      readonly outOfMemory?: boolean | undefined;
      readonly restarts?: number | undefined;
    }
  /** Its monitor died with it: how it ended is not known. */
  | { readonly status: 'dead'; readonly started: string };
