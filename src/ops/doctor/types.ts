import type { DiskSpace, KernelCall, UserNamespaceStep } from '../../sys/index.ts';

export const checkIds = [
  'kernel',
  'seccomp',
  'surroundings',
  'user-namespaces',
  'id-maps',
  'overlay',
  'containers',
  'cgroups',
  'network',
  'store',
  'disk',
  'memory',
  'tools',
  'clock',
] as const;

export type CheckId = (typeof checkIds)[number];

/** `error`: building fails here. `warning`: something is lost. `skipped`: not needed, or nothing could be found out. */
export type Status = 'ok' | 'warning' | 'error' | 'skipped';

/** Where a fix is typed or written: at a shell of this machine, or into what starts the container that tsbuild is in. */
export type FixPlace = 'shell' | 'docker' | 'podman' | 'kubernetes';

export type Fix =
  /** Exactly what to type, or the flags and lines to add. */
  | { readonly kind: 'command'; readonly place: FixPlace; readonly text: string }
  /** What no command does. */
  | { readonly kind: 'advice'; readonly text: string };

export interface Finding {
  readonly id: CheckId;
  readonly status: Status;
  /** One line without a period. */
  readonly found: string;
  /** What cannot be had because of it; one line without a period. */
  readonly lost?: string | undefined;
  /** Those of `shell` are to be typed one after the other, unless a text says otherwise. */
  readonly fixes: readonly Fix[];
}

export interface DoctorReport {
  /** No finding is an error: a build can work. */
  readonly ok: boolean;
  /** Everything that was looked at, in the order of `checkIds`. */
  readonly findings: readonly Finding[];
  /** What the container that tsbuild is in lacks, all of it at once; empty where that is one flag, or none. */
  readonly together: readonly Fix[];
  readonly facts: Facts;
}

/** What became of something that was tried; `code` is an errno's name or an error code. */
export type Outcome = { readonly ok: true } | Failure;

export interface Failure {
  readonly ok: false;
  readonly code: string;
  readonly message: string;
}

/** All that is known of the machine when it is judged: plain data, so that machines can be written down. */
export interface Facts {
  readonly user: UserFacts;
  readonly system: SystemFacts;
  readonly surroundings: Surroundings;
  readonly calls: Readonly<Record<KernelCall, 'there' | 'missing' | 'refused'>>;
  readonly seccomp: SeccompFacts;
  readonly userNamespace: UserNamespaceFacts;
  readonly idMaps: IdMapFacts;
  readonly overlay: OverlayFacts;
  /**
   * A container set up as that of a RUN step, as root; undefined: not tried. `chroot`: one without namespaces, tried
   * where they are forbidden.
   */
  readonly container: { readonly namespaces: Outcome; readonly chroot?: Outcome | undefined } | undefined;
  readonly cgroups: CgroupFacts;
  readonly network: NetworkFacts;
  readonly store: StoreFacts;
  readonly disk: DiskFacts;
  readonly memory: MemoryFacts;
  /** Path by name; undefined for what is not installed. */
  readonly tools: Readonly<Record<ToolName, string | undefined>>;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface UserFacts {
  readonly uid: number;
  readonly name: string;
  /** Permitted ones, `CAP_…`. */
  readonly capabilities: readonly string[];
  /** The process is in a user namespace other than the machine's first. */
  readonly inUserNamespace: boolean;
  /** Programs with the set-user-id bit gain nothing. */
  readonly noNewPrivileges: boolean;
}

export interface SystemFacts {
  /** As `uname -r`. */
  readonly kernel: string;
  /** As Node names it: x64, arm64 … */
  readonly architecture: string;
  readonly name: string;
  /** ID and ID_LIKE of os-release(5). */
  readonly families: readonly string[];
}

export interface Surroundings {
  /** What the process is in a container of, as far as can be told. */
  readonly engine: 'docker' | 'podman' | 'kubernetes' | 'lxc' | 'unknown' | undefined;
  /** A profile of AppArmor other than `unconfined`. */
  readonly apparmor: string | undefined;
  readonly selinux: string | undefined;
}

export interface SeccompFacts {
  /** The kernel has filters that can answer with an error. */
  readonly available: boolean;
  /** This process is under a filter itself. */
  readonly filtered: boolean;
}

export interface UserNamespaceFacts {
  readonly steps: Readonly<Record<UserNamespaceStep, Outcome | undefined>>;
  /** Values of sysctls; undefined for those that the kernel does not have. */
  readonly unprivilegedClone: number | undefined;
  readonly most: number | undefined;
  readonly apparmorRestricts: number | undefined;
  /** The program that makes it: whom a profile of AppArmor has to allow it. */
  readonly program: string;
}

export interface IdMapFacts {
  readonly tools: Readonly<Record<'newuidmap' | 'newgidmap', IdMapTool | undefined>>;
  /** Number of ids that the user may map, by file. */
  readonly uids: number;
  readonly gids: number;
  /** First id above all ranges that somebody has. */
  readonly nextFree: number;
}

export interface IdMapTool {
  readonly path: string;
  /** Set-user-id root, or with the capability it needs. */
  readonly privileged: boolean;
}

export interface OverlayFacts {
  /** In /proc/filesystems: built in, or its module is loaded. */
  readonly known: boolean;
  /** A mount of folders beside the store; undefined for ordinary users, who do it in a user namespace. */
  readonly mounted: Outcome | undefined;
  /** Lowers are taken one by one. */
  readonly singly: boolean;
}

export interface CgroupFacts {
  readonly kind: 'v1' | 'v2' | 'hybrid' | 'none';
  /** Whether groups for containers can be made. */
  readonly writable: boolean;
  readonly controllers: readonly string[];
  readonly systemd: boolean;
}

export type NetworkFacts =
  /** As root: it was opened and closed again. */
  | { readonly kind: 'bridge'; readonly opened: Outcome; readonly hint?: string | undefined }
  /** As a user: a program that carries packets, and the device it needs. */
  | { readonly kind: 'user'; readonly programs: readonly string[]; readonly tun: Outcome };

export interface StoreFacts {
  readonly root: string;
  /** Whether files can be made in it, or where it would be. */
  readonly writable: Outcome;
  /** `absent`: made at the first use. */
  readonly state: 'there' | 'absent' | 'refused';
  /** Why it was refused. */
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string | undefined };
}

export interface DiskFacts extends DiskSpace {
  /** The folder that was looked at: the store's, or the nearest above it that exists. */
  readonly path: string;
  /** Results of trying them there; undefined when nothing could be written. */
  readonly xattrs: Outcome | undefined;
  readonly flock: Outcome | undefined;
  readonly reflinks: boolean;
}

export interface MemoryFacts {
  /** Bytes. */
  readonly total: number;
  readonly available: number;
  /** Of this process's own cgroup, when it is below the total. */
  readonly limit: number | undefined;
}

export const toolNames = ['git', 'ssh', 'xz', 'bzip2', 'ps'] as const;
export type ToolName = (typeof toolNames)[number];
