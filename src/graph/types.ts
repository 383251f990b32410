import type { Digest, Json, SourceExcerpt } from '../core/index.ts';
import type { Command, GitSource, HttpSource, RunMount } from '../dockerfile/types.ts';
import type { SourceRules } from '../policy/types.ts';
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

/** The same for an image of an OCI layout: a folder of the host, and a tag or digest in it (`1.0`, `sha256:…`; none: its only image). */
export type ResolveLayout = (
  layout: { readonly path: string; readonly reference?: string | undefined },
  platform: Platform,
) => Promise<ResolvedBase>;

/** What a named context stands for (`--build-context name=…`, L-222). */
export type ContextReference =
  /** A folder: a context of this name among those that the build opened. */
  | { readonly kind: 'local'; readonly name: string }
  | { readonly kind: 'image'; readonly reference: string }
  | { readonly kind: 'layout'; readonly path: string; readonly reference?: string | undefined }
  | { readonly kind: 'git'; readonly source: GitSource }
  | { readonly kind: 'http'; readonly source: HttpSource };

/** What a Dockerfile may ask for only when the user allows it (`--allow`). */
export type Entitlement = 'network.host' | 'security.insecure' | 'device';

/** What makes a file system; config instructions never become steps. Everything a step can observe is in here. */
export type StepOp =
  | { readonly kind: 'scratch' }
  | { readonly kind: 'image'; readonly base: ResolvedBase; readonly platform: Platform }
  | RunStep
  | CopyStep
  | WorkdirStep
  | LocalStep
  | { readonly kind: 'git'; readonly source: GitSource }
  | { readonly kind: 'http'; readonly source: HttpSource }
  | MergeStep;

export interface WorkdirStep {
  readonly kind: 'workdir';
  readonly path: string;
  readonly user: string;
  /** SOURCE_DATE_EPOCH, for the folders that are made (O-57); a time is no content and in no key. */
  readonly time?: number | undefined;
}

/**
 * Files of a context as COPY would see them, at their paths below the root: what bind mounts of RUN and FROM of a
 * folder read. Like `git` and `http` it has no inputs, and its result is a tree without layers: never a base itself.
 */
export interface LocalStep {
  readonly kind: 'local';
  /** `mainContext`, or the name of a named context. */
  readonly context: string;
  /** Below the context's root; `/` is all of it. */
  readonly path: string;
}

/** The context of the command line. */
export const mainContext = 'context';

/** The layers of input 1 on top of input 0: `COPY --link` (L-153). */
export interface MergeStep {
  readonly kind: 'merge';
}

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
  readonly security: 'sandbox' | 'insecure';
  /** Names of CDI devices. */
  readonly devices: readonly PlannedDevice[];
  readonly hostname: string;
  /** Names of `--add-host`; their addresses are no part of a key (L-130). */
  readonly extraHosts: readonly string[];
  readonly mounts: readonly PlannedMount[];
  /** What the command line gives to every RUN step, told apart by all that a command can observe of it. */
  readonly given?: Json | undefined;
  readonly platform: Platform;
  /** As the error of a failing command shows it. */
  readonly display: string;
}

export type RunNetwork = 'default' | 'none' | 'host';

/** `RUN --device=name[,required]` (L-126). */
export interface PlannedDevice {
  /** `vendor/class=name`, `vendor/class=*`, `vendor/class`, or a class annotation. */
  readonly name: string;
  readonly required: boolean;
}

/**
 * A RUN mount with its target made absolute. `input` is the index of the source's state among the step's inputs: every
 * bind mount has one, whose `source` is absolute in it, and a cache mount with `from`. The `id` is set for secret, ssh
 * and cache mounts.
 */
export type PlannedMount = RunMount & {
  readonly target: string;
  /** Whether the target was written or is the default: a secret given by `env` alone is not mounted. */
  readonly targetGiven: boolean;
  readonly input?: number | undefined;
};

/**
 * Sources of a copy that come from one tree. `paths` are below its root, expanded, not yet globbed. An archive among them
 * is unpacked when `unpack` is set.
 */
export type CopyOrigin = { readonly unpack: boolean } & (
  | { readonly kind: 'context'; readonly name: string; readonly paths: readonly string[] }
  /** The state of that input, from 1 on; what is copied keeps its owners unless `chown` says otherwise. */
  | { readonly kind: 'input'; readonly input: number; readonly paths: readonly string[] }
  /**
   * The one file at the root of that input (an `http` step), as if it had been given by its name, which only the server
   * may know: `destination/name` where the destination is a folder, else it becomes the destination.
   */
  | { readonly kind: 'file'; readonly input: number }
);

/** Input 0 is the root file system. */
export interface CopyStep {
  readonly kind: 'copy';
  readonly instruction: 'COPY' | 'ADD';
  /** In the order written; a later one replaces what an earlier one left. */
  readonly origins: readonly CopyOrigin[];
  readonly files: readonly { readonly name: string; readonly content: string }[];
  /** Absolute in the root file system; a trailing slash means a folder. */
  readonly destination: string;
  readonly chown?: string | undefined;
  readonly chmod?: string | undefined;
  /** Sources keep their folders below the destination, from the pivot `/./` on (L-154). */
  readonly parents: boolean;
  readonly exclude: readonly string[];
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
  /** SOURCE_DATE_EPOCH of an ARG before the first FROM, as written (O-50). */
  readonly sourceDateEpoch?: string | undefined;
  /** What an SBOM made by a scanner is to tell of besides the target. */
  readonly scanned: readonly { readonly name: string; readonly step: Step }[];
  readonly warnings: readonly string[];
}

export interface PlanOptions {
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly target?: string | undefined;
  readonly platform: Platform;
  readonly buildPlatform: Platform;
  /** One of several plans of a build: names of steps say for which platform they are, and identities tell them apart. */
  readonly amongPlatforms?: boolean | undefined;
  readonly labels: readonly (readonly [string, string])[];
  /** All stages, or those of these names, lower-cased (--no-cache-filter). */
  readonly noCache: boolean | ReadonlySet<string>;
  readonly network: RunNetwork;
  /** Named contexts by name, which may end in `::os/arch` (L-102). */
  readonly contexts: ReadonlyMap<string, ContextReference>;
  readonly allow: ReadonlySet<Entitlement>;
  /** Names of `--add-host`. */
  readonly extraHosts: readonly string[];
  /** Of every RUN step. */
  readonly given?: Json | undefined;
  readonly resolveBase: ResolveBase;
  readonly resolveLayout: ResolveLayout;
  /** For what has no name to be resolved; `resolveBase` and `resolveLayout` have theirs. */
  readonly rules?: Pick<SourceRules, 'git' | 'http' | 'local'> | undefined;
}

export type { Command };
