import type { SourceExcerpt, SourceRange } from '../core/index.ts';

/** A parsed Dockerfile. Words are as written: quotes, escapes and variables are resolved by `expand` at planning. */
export interface Dockerfile {
  /** Name for messages. */
  readonly file: string;
  /** All physical lines, so that any range can be shown. */
  readonly lines: readonly string[];
  readonly directives: Directives;
  /** ARGs before the first FROM. */
  readonly globalArgs: readonly ArgInstruction[];
  readonly stages: readonly StageSyntax[];
  readonly warnings: readonly ParseWarning[];
}

export interface Directives {
  readonly escape: '\\' | '`';
  readonly syntax?: string | undefined;
  readonly check?: string | undefined;
}

export interface ParseWarning {
  /** Name of the build check, as `NoEmptyContinuation`. */
  readonly rule: string;
  readonly message: string;
  readonly at: SourceExcerpt;
}

export interface StageSyntax {
  readonly index: number;
  /** Lower-cased name of `AS`. */
  readonly name?: string | undefined;
  readonly from: FromInstruction;
  readonly instructions: readonly StageInstruction[];
}

interface Located {
  readonly range: SourceRange;
  /** The instruction as one line: continuations joined, comments dropped, heredoc bodies left out. For names and history. */
  readonly text: string;
}

/** A heredoc: `<<EOF`, `<<-"EOF"`, `3<<EOF`. */
export interface Heredoc {
  readonly name: string;
  readonly content: string;
  /** False when any part of the delimiter is quoted. */
  readonly expand: boolean;
  /** `<<-`: tabs are already stripped from `content`. */
  readonly chomp: boolean;
  readonly fd?: number | undefined;
}

/** Shell form keeps the text as written after the flags, with inner continuations joined as the shell would see them. */
export type Command =
  | { readonly form: 'shell'; readonly text: string; readonly heredocs: readonly Heredoc[] }
  | { readonly form: 'exec'; readonly argv: readonly string[] };

export interface NameValue {
  readonly name: string;
  readonly value: string;
}

export interface FromInstruction extends Located {
  readonly kind: 'from';
  readonly image: string;
  readonly platform?: string | undefined;
}

export interface ArgInstruction extends Located {
  readonly kind: 'arg';
  readonly args: readonly { readonly name: string; readonly value?: string | undefined }[];
}

export interface RunInstruction extends Located {
  readonly kind: 'run';
  readonly command: Command;
  readonly mounts: readonly RunMount[];
  readonly network?: 'default' | 'none' | 'host' | undefined;
  readonly security?: 'sandbox' | 'insecure' | undefined;
  readonly devices: readonly string[];
}

/** `RUN --mount`, options as checked values (checklist L-127, table of mount options). */
export interface RunMount {
  readonly type: 'bind' | 'cache' | 'tmpfs' | 'secret' | 'ssh';
  readonly target?: string | undefined;
  readonly source?: string | undefined;
  readonly from?: string | undefined;
  readonly readonly?: boolean | undefined;
  readonly id?: string | undefined;
  readonly sharing?: 'shared' | 'private' | 'locked' | undefined;
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Bytes. */
  readonly size?: number | undefined;
  readonly required?: boolean | undefined;
  readonly env?: string | undefined;
}

export type CopySource =
  { readonly kind: 'path'; readonly path: string } | { readonly kind: 'heredoc'; readonly heredoc: Heredoc };

export interface CopyInstruction extends Located {
  readonly kind: 'copy';
  readonly sources: readonly CopySource[];
  readonly destination: string;
  readonly from?: string | undefined;
  readonly chown?: string | undefined;
  readonly chmod?: string | undefined;
  readonly link: boolean;
  readonly parents: boolean;
  readonly exclude: readonly string[];
}

export interface AddInstruction extends Located {
  readonly kind: 'add';
  readonly sources: readonly CopySource[];
  readonly destination: string;
  readonly chown?: string | undefined;
  readonly chmod?: string | undefined;
  readonly link: boolean;
  readonly exclude: readonly string[];
  readonly checksum?: string | undefined;
  readonly keepGitDir?: boolean | undefined;
  readonly unpack?: boolean | undefined;
}

export interface EnvInstruction extends Located {
  readonly kind: 'env';
  readonly pairs: readonly NameValue[];
}

export interface LabelInstruction extends Located {
  readonly kind: 'label';
  readonly pairs: readonly NameValue[];
}

export interface WorkdirInstruction extends Located {
  readonly kind: 'workdir';
  readonly path: string;
}

export interface UserInstruction extends Located {
  readonly kind: 'user';
  readonly user: string;
}

export interface CmdInstruction extends Located {
  readonly kind: 'cmd';
  readonly command: Command;
}

export interface EntrypointInstruction extends Located {
  readonly kind: 'entrypoint';
  readonly command: Command;
}

export interface ExposeInstruction extends Located {
  readonly kind: 'expose';
  readonly ports: readonly string[];
}

export interface VolumeInstruction extends Located {
  readonly kind: 'volume';
  readonly paths: readonly string[];
}

export interface StopsignalInstruction extends Located {
  readonly kind: 'stopsignal';
  readonly signal: string;
}

export interface ShellInstruction extends Located {
  readonly kind: 'shell';
  readonly argv: readonly string[];
}

/** Durations are nanoseconds; absent is the runtime's default. */
export interface HealthcheckInstruction extends Located {
  readonly kind: 'healthcheck';
  readonly test: { readonly form: 'none' } | Command;
  readonly interval?: number | undefined;
  readonly timeout?: number | undefined;
  readonly startPeriod?: number | undefined;
  readonly startInterval?: number | undefined;
  readonly retries?: number | undefined;
}

export interface OnbuildInstruction extends Located {
  readonly kind: 'onbuild';
  /** What the image's config keeps: the trigger's text with its heredoc bodies. */
  readonly trigger: string;
}

export interface MaintainerInstruction extends Located {
  readonly kind: 'maintainer';
  readonly name: string;
}

/** Everything that may stand in a stage after its FROM. */
export type StageInstruction =
  | ArgInstruction
  | RunInstruction
  | CopyInstruction
  | AddInstruction
  | EnvInstruction
  | LabelInstruction
  | WorkdirInstruction
  | UserInstruction
  | CmdInstruction
  | EntrypointInstruction
  | ExposeInstruction
  | VolumeInstruction
  | StopsignalInstruction
  | ShellInstruction
  | HealthcheckInstruction
  | OnbuildInstruction
  | MaintainerInstruction;
