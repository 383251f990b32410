import type { Readable } from 'node:stream';

import type { EmitBuildEvent } from '../../core/index.ts';
import type { Dockerfile, ParseOptions } from '../../dockerfile/index.ts';
import type { ContextReference } from '../../graph/index.ts';
import type { Sources } from '../../source/types.ts';
import type { BuildContext, ContextModes } from '../context.ts';

/** What fetching and unpacking need. */
export interface RemoteServices {
  /** A folder that goes with its disposal. */
  tempDir(): Promise<{ readonly path: string } & AsyncDisposable>;
  readonly sources: Sources;
}

export interface InputOptions {
  /** A folder, `-` for standard input, a git repository or a URL (L-220). */
  readonly context: string;
  /** The Dockerfile: a path, `-` for standard input, or a URL; default `Dockerfile` of the context (L-221). */
  readonly file?: string | undefined;
  /** Taken instead of every other ignore file; relative to the current folder. */
  readonly ignoreFile?: string | undefined;
  readonly named?: readonly NamedContext[] | undefined;
  readonly parse?: ParseOptions | undefined;
  /** Of all contexts; `exact` unless told. */
  readonly contextModes?: ContextModes | undefined;
  /** BUILDKIT_CONTEXT_KEEP_GIT_DIR (L-090). */
  readonly keepGitDir?: boolean | undefined;
  /** This process's own unless told. */
  readonly stdin?: StandardInput | undefined;
  readonly signal: AbortSignal;
  /** Told of what is fetched and unpacked. */
  readonly emit?: EmitBuildEvent | undefined;
  /** Called only where something is to be fetched or unpacked; asked for once. */
  readonly remote: () => Promise<RemoteServices>;
}

export type StandardInput = Readable & { readonly isTTY?: boolean };

/** What a build starts from; disposing closes and removes what was opened and fetched for it. */
export interface BuildInputs extends AsyncDisposable {
  readonly dockerfile: Dockerfile;
  /** That of the command line. */
  readonly context: BuildContext;
  /** All folders: that of the command line as `mainContext`, and those of named contexts. */
  readonly contexts: ReadonlyMap<string, BuildContext>;
  /** The named contexts, for the plan. */
  readonly named: ReadonlyMap<string, ContextReference>;
  /** Of the commit, or of the last change of the file, that the context is: seconds since 1970. */
  readonly time: number | undefined;
}

/** A `--build-context`, not yet opened. */
export interface NamedContext {
  /** As written; it may end in `::os/arch`. */
  readonly name: string;
  readonly source: { readonly kind: 'folder'; readonly path: string } | RemoteContext;
}

export type RemoteContext = Exclude<ContextReference, { readonly kind: 'local' }>;

/** The place of the command line's context: what the Dockerfile's path and the ignore rules depend on. */
export type Place =
  /** A folder of the user's own. */
  | { readonly kind: 'folder'; readonly path: string }
  /** A stranger's files in a folder of ours, which symlinks must not leave (S-38). */
  | {
      readonly kind: 'fetched';
      readonly path: string;
      readonly name: string;
      readonly from: 'stdin' | 'remote';
      /** Of the commit, or of the last change of the file: seconds since 1970. */
      readonly time?: number | undefined;
    }
  /** No files: a Dockerfile came in the context's place. */
  | { readonly kind: 'none'; readonly dockerfile: NamedText };

export interface NamedText {
  /** In messages. */
  readonly name: string;
  readonly bytes: Buffer;
}
