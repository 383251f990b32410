import { isGoTrue, type EmitBuildEvent } from './core/index.ts';
import type { Entitlement, RunNetwork } from './graph/index.ts';
import type { Platform } from './oci/index.ts';
import type {
  ContextModes,
  DnsChoices,
  GivenToRuns,
  NamedContext,
  RunLimits,
  SecretSource,
  SshSource,
  StandardInput,
} from './ops/index.ts';
import type { CacheWishes } from './remote-cache/index.ts';
import type { HostEntry, Isolation } from './runtime/index.ts';

/** What says which steps there are. */
export interface PlanningOptions {
  /** Folder of the store. */
  readonly root: string;
  /** The build context: a folder, a git repository, a URL, or `-` for standard input. */
  readonly context: string;
  /** Dockerfile: a path, a URL, or `-` for standard input; default `Dockerfile` in the context. */
  readonly file?: string | undefined;
  /** Taken instead of .dockerignore and its kind. */
  readonly ignoreFile?: string | undefined;
  /** What `--build-context` names. */
  readonly namedContexts?: readonly NamedContext[] | undefined;
  /** `git`: of the modes of contexts' files only what git keeps counts. */
  readonly contextModes?: ContextModes | undefined;
  /** In the place of this process's own. */
  readonly stdin?: StandardInput | undefined;
  readonly buildArgs?: ReadonlyMap<string, string> | undefined;
  readonly target?: string | undefined;
  /** An image for each, in this order; this machine's unless told. */
  readonly platforms?: readonly Platform[] | undefined;
  /** All stages, or those of these lower-cased names. */
  readonly noCache?: boolean | ReadonlySet<string> | undefined;
  /** Milliseconds; results of steps that are older count as none. */
  readonly cacheTtl?: number | undefined;
  readonly pull?: boolean | undefined;
  readonly network?: RunNetwork | undefined;
  /** What the Dockerfile may ask for. */
  readonly allow?: ReadonlySet<Entitlement> | undefined;
  /** Lines more in /etc/hosts of RUN steps. */
  readonly extraHosts?: readonly HostEntry[] | undefined;
  /** Name servers of RUN steps and their like, instead of the machine's. */
  readonly dns?: DnsChoices | undefined;
  /** What every RUN step gets beside what it asks for. */
  readonly given?: GivenToRuns | undefined;
  /** A file of rules about what the build may take, and what it takes instead. */
  readonly sourcePolicy?: string | undefined;
  /** A lock file: what the Dockerfile takes from elsewhere is what is written there, and nothing else. */
  readonly lock?: string | undefined;
  /** For RUN mounts, and for fetching from where one must log in. */
  readonly secrets?: ReadonlyMap<string, SecretSource> | undefined;
  readonly ssh?: ReadonlyMap<string, SshSource> | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly emit?: EmitBuildEvent | undefined;
}

/** What only matters to steps that run. */
export interface RunningOptions {
  readonly labels?: readonly (readonly [string, string])[] | undefined;
  readonly limits?: RunLimits | undefined;
  /** Steps that execute at once; default twice as many as there are processors, and four at least. */
  readonly jobs?: number | undefined;
  /** How RUN steps are kept apart from the machine; default `auto`, see `chooseIsolation`. */
  readonly isolation?: 'auto' | Isolation | undefined;
  /** Caches elsewhere that answer steps, and that are given the results. */
  readonly caches?: CacheWishes | undefined;
}

/** One image, or several below an index (O-30); BUILDKIT_MULTI_PLATFORM makes an index of one, too. */
export function isIndexed({ platforms = [], buildArgs }: PlanningOptions): boolean {
  return platforms.length > 1 || isGoTrue(buildArgs?.get('BUILDKIT_MULTI_PLATFORM'));
}
