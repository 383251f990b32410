import type { Digest, SourceExcerpt } from '../core/index.ts';
import type { Command, RunMount } from '../dockerfile/types.ts';
import type { ContainerDefaults, Descriptor, HistoryEntry, ImageConfig, Platform } from '../oci/types.ts';

/** A base image as found in the store or a registry. */
export interface ResolvedBase {
  /** The name as people write it: `debian:bookworm`. */
  readonly name: string;
  /** Manifest digest; recorded to explain, never part of a key. */
  readonly digest: Digest;
  /** Config digest. */
  readonly id: Digest;
  readonly config: ImageConfig;
  /** As in the manifest, bottom first. */
  readonly layers: readonly Descriptor[];
}

/** Looks an image up once for the whole build. Throws IMAGE_NOT_FOUND and its kind. */
export type ResolveBase = (name: string, platform: Platform) => Promise<ResolvedBase>;

/** What makes a file system; config instructions never become steps. Everything a step can observe is in here. */
export type StepOp =
  | { readonly kind: 'scratch' }
  | { readonly kind: 'image'; readonly base: ResolvedBase; readonly platform: Platform }
  | RunStep
  | CopyStep
  | { readonly kind: 'workdir'; readonly path: string; readonly user: string };

/** Input 0 is the root file system; further inputs are the sources of `from` mounts, by index. */
export interface RunStep {
  readonly kind: 'run';
  readonly argv: readonly string[];
  /** A heredoc with a `#!` line, offered to the container as an executable file of this name. */
  readonly script?: { readonly name: string; readonly content: string } | undefined;
  /** `NAME=value`, in order. */
  readonly env: readonly string[];
  /** Proxy settings: seen by the command, never part of a key (L-088). */
  readonly proxyEnv: readonly string[];
  readonly cwd: string;
  readonly user: string;
  readonly network: RunNetwork;
  readonly mounts: readonly PlannedMount[];
  readonly platform: Platform;
  /** As the error of a failing command shows it. */
  readonly display: string;
}

export type RunNetwork = 'default' | 'none' | 'host';

/** A RUN mount with its target made absolute; `input` is the index of the source's state among the step's inputs. */
export type PlannedMount = RunMount & {
  readonly target: string;
  /** Whether the target was written or is the default: a secret given by `env` alone is not mounted. */
  readonly targetGiven: boolean;
  readonly input?: number | undefined;
};

export type CopyFrom = { readonly kind: 'context' } | { readonly kind: 'input' } | { readonly kind: 'none' };

/** Input 0 is the root file system; with `from: input`, input 1 is the source. */
export interface CopyStep {
  readonly kind: 'copy';
  readonly instruction: 'COPY' | 'ADD';
  readonly from: CopyFrom;
  /** Paths below the source root, expanded, not yet globbed. */
  readonly sources: readonly string[];
  readonly files: readonly { readonly name: string; readonly content: string }[];
  /** Absolute in the root file system; a trailing slash means a folder. */
  readonly destination: string;
  readonly chown?: string | undefined;
  readonly chmod?: string | undefined;
  readonly exclude: readonly string[];
  /** Local archives are unpacked. */
  readonly unpack: boolean;
}

export interface Step {
  /** Digest of the definition, inputs included. */
  readonly id: Digest;
  /** `[build 2/5] RUN make`. */
  readonly name: string;
  /** `build/2`: the same across edits of the text. */
  readonly identity: string;
  readonly op: StepOp;
  readonly inputs: readonly Step[];
  /** The instruction, for errors. */
  readonly at?: SourceExcerpt | undefined;
  readonly ignoreCache: boolean;
}

/** What a Dockerfile and the options come to. `history` holds the base's entries and one for each instruction. */
export interface BuildPlan {
  readonly target: Step;
  readonly platform: Platform;
  readonly author?: string | undefined;
  readonly config: ContainerDefaults;
  /** Entries of this build have no `created` yet: those of layers take their layer's. */
  readonly history: readonly HistoryEntry[];
  readonly warnings: readonly string[];
}

export interface PlanOptions {
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly target?: string | undefined;
  readonly platform: Platform;
  readonly buildPlatform: Platform;
  readonly labels: readonly (readonly [string, string])[];
  readonly noCache: boolean;
  readonly network: RunNetwork;
  readonly resolveBase: ResolveBase;
}

export type { Command };
