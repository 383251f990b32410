import type { Digest } from './digest.ts';
import type { TsbuildError } from './errors.ts';
import type { MissReason } from './miss.ts';
import type { SourceRange } from './source.ts';
import type { Usage } from './usage.ts';

/** A step as progress shows it. */
export interface StepLabel {
  readonly id: Digest;
  /** `[stage 2/5] RUN make`, one line. */
  readonly name: string;
}

/** What a build tells its observers; the engine emits, only `cli/` renders. Times are milliseconds since the epoch. */
export type BuildEvent =
  | {
      readonly type: 'step-started';
      readonly step: StepLabel;
      /** The steps whose results it takes. */
      readonly inputs?: readonly Digest[] | undefined;
      /** Why the cache did not answer, the weightiest reason first; none of what is never cached. */
      readonly why?: readonly MissReason[] | undefined;
      readonly time: number;
    }
  | {
      readonly type: 'step-cached';
      readonly step: StepLabel;
      readonly inputs?: readonly Digest[] | undefined;
      /** What the result was imported from; undefined of those of this machine. */
      readonly from?: string | undefined;
      readonly time: number;
    }
  | {
      readonly type: 'step-log';
      readonly step: StepLabel;
      readonly stream: 'stdout' | 'stderr';
      readonly data: Uint8Array;
      readonly time: number;
    }
  | {
      readonly type: 'step-done';
      readonly step: StepLabel;
      readonly time: number;
      readonly usage?: Usage | undefined;
    }
  | {
      readonly type: 'step-failed';
      readonly step: StepLabel;
      readonly error: TsbuildError;
      readonly time: number;
      readonly usage?: Usage | undefined;
    }
  | { readonly type: 'step-cancelled'; readonly step: StepLabel; readonly time: number }
  | {
      readonly type: 'status';
      readonly step: StepLabel;
      readonly id: string;
      readonly current: number;
      readonly total?: number | undefined;
    }
  | {
      readonly type: 'warning';
      readonly message: string;
      readonly file?: string | undefined;
      readonly range?: SourceRange | undefined;
    };

export type EmitBuildEvent = (event: BuildEvent) => void;
