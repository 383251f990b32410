import type { Digest, SourceExcerpt, SourceRange } from '../core/index.ts';

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
  /** Heredoc bodies included. */
  readonly range: SourceRange;
  /**
   * The instruction as one line, for names and history: keyword in upper case, the rest as written, with its own
   * blanks: continuations joined without anything between, comments dropped, heredoc bodies left out.
   */
  readonly text: string;
  /** The comment lines directly above, without `#`; a blank line or a bare `#` cuts them off. */
  readonly comments?: readonly string[] | undefined;
}

/** A heredoc: `<<EOF`, `<<-"EOF"`, `3<<EOF`. */
export interface Heredoc {
  /** The delimiter without its quotes. */
  readonly name: string;
  readonly content: string;
  /** The body as written, tabs and carriage returns included: what a shell that reads the heredoc itself is given. */
  readonly raw: string;
  /** False when any part of the delimiter is quoted. */
  readonly expand: boolean;
  /** `<<-`: tabs are already stripped from `content`. */
  readonly chomp: boolean;
  readonly fd?: number | undefined;
}

/**
 * Shell form keeps the text as written after the flags, with inner continuations joined as the shell would see them.
 * What the shell is finally given, heredocs included, is `shellScript`.
 */
export type Command =
  | { readonly form: 'shell'; readonly text: string; readonly heredocs: readonly Heredoc[] }
  | { readonly form: 'exec'; readonly argv: readonly string[] };

/** Both are words: quotes, escapes and variables of the name are resolved too. */
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
  readonly mounts: readonly MountSyntax[];
  readonly network?: 'default' | 'none' | 'host' | undefined;
  readonly security?: 'sandbox' | 'insecure' | undefined;
  readonly devices: readonly string[];
}

/**
 * One `--mount` as written, because its values may hold variables: `resolveMount` expands them and gives the RunMount.
 * A mount without variables is already checked.
 */
export interface MountSyntax {
  readonly text: string;
  /** In order; the name in lower case. */
  readonly options: readonly { readonly name: string; readonly value?: string | undefined }[];
}

/** `RUN --mount`, options as checked values. */
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

/** An ONBUILD trigger of a base image, read; `source` shows its text in errors. */
export interface Trigger {
  readonly instruction: StageInstruction;
  readonly source: Dockerfile;
}

/** A git repository as a source of files: `https://host/repo.git#ref:subdir` or its query form (L-177). */
export interface GitSource {
  /** Where to fetch from, without fragment and query. May hold credentials: show it through `redactUrl`. */
  readonly remote: string;
  /** Branch, tag, or commit; undefined is the remote's HEAD. Never begins with `-`. */
  readonly ref?: string | undefined;
  /** Relative, without `..`; undefined is all of it. */
  readonly subdir?: string | undefined;
  /** The commit must begin with these hex digits. */
  readonly checksum?: string | undefined;
  readonly keepGitDir: boolean;
  readonly submodules: boolean;
  /** Asks for the commit itself, for servers that hide it behind no branch. */
  readonly fetchByCommit: boolean;
  /** Time of the files: that of the checkout, or the commit's. */
  readonly mtime: 'checkout' | 'commit';
}

/** A file behind an http(s) URL (L-176). */
export interface HttpSource {
  /** May hold credentials: show it through `redactUrl`. */
  readonly url: string;
  readonly checksum?: Digest | undefined;
}

export type RemoteSource = ({ readonly kind: 'git' } & GitSource) | ({ readonly kind: 'http' } & HttpSource);
