import type { Digest, ErrorCode, StepReport } from '../../core/index.ts';

/** What is kept of a build that has ended. */
export interface PastBuild {
  /** Six hex digits. */
  readonly id: string;
  /** Absolute paths, or URLs without credentials, or `-`. */
  readonly file: string;
  readonly context: string;
  readonly target?: string | undefined;
  readonly platforms: readonly string[];
  /** As given. */
  readonly tags: readonly string[];
  /** ISO 8601. */
  readonly started: string;
  readonly milliseconds: number;
  /** With an error as well where it was made, and something after that failed: a push, an export. */
  readonly image?: Digest | undefined;
  readonly error?: { readonly code: ErrorCode; readonly message: string } | undefined;
  /** In the order in which they ended. */
  readonly steps: readonly PastStep[];
}

export interface PastStep extends Pick<StepReport, 'name' | 'status' | 'milliseconds' | 'from'> {
  /** File of its output in the folder of the build; undefined where it printed nothing. */
  readonly log?: string | undefined;
}

/** How many builds are kept, and how long. */
export interface HistoryLimits {
  /** 0 keeps none. */
  readonly builds: number;
  /** Milliseconds since the start of a build. */
  readonly age: number;
  /** Of all logs. */
  readonly bytes: number;
}

export const defaultHistoryLimits: HistoryLimits = { builds: 50, age: 30 * 86_400_000, bytes: 256 * 2 ** 20 };
