import type { hookStages } from './hook-stages.ts';
import type { seccompActions, seccompOperators } from './seccomp-words.ts';

/** runtime-spec config.md and config-linux.md: what this runtime reads of config.json. Kept in the spec's own names. */
export interface RuntimeConfig {
  readonly ociVersion: string;
  readonly process: ProcessConfig;
  readonly root: { readonly path: string; readonly readonly?: boolean | undefined };
  readonly hostname?: string | undefined;
  readonly domainname?: string | undefined;
  readonly mounts: readonly MountConfig[];
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly hooks?: HooksConfig | undefined;
  readonly linux: LinuxConfig;
}

/** runtime-spec config.md, "POSIX-platform Hooks". */
export interface HookConfig {
  readonly path: string;
  /** As execve(2) has them, the name included; the path alone unless told. */
  readonly args?: readonly string[] | undefined;
  /** All of its environment. */
  readonly env?: readonly string[] | undefined;
  /** Seconds. */
  readonly timeout?: number | undefined;
}

export type HookStage = (typeof hookStages)[number];

export type HooksConfig = Readonly<Partial<Record<HookStage, readonly HookConfig[] | undefined>>>;

export interface ProcessConfig {
  readonly terminal?: boolean | undefined;
  readonly consoleSize?: { readonly height: number; readonly width: number } | undefined;
  readonly cwd: string;
  readonly env: readonly string[];
  readonly args: readonly string[];
  /** -1 is unlimited, printed as 2^64 - 1. */
  readonly rlimits?:
    readonly { readonly type: string; readonly soft: number; readonly hard: number }[] | undefined;
  readonly user: UserConfig;
  readonly capabilities: CapabilitySets;
  readonly noNewPrivileges?: boolean | undefined;
  readonly oomScoreAdj?: number | undefined;
  readonly apparmorProfile?: string | undefined;
  readonly selinuxLabel?: string | undefined;
}

export interface UserConfig {
  readonly uid: number;
  readonly gid: number;
  readonly umask?: number | undefined;
  readonly additionalGids?: readonly number[] | undefined;
}

export interface CapabilitySets {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
  readonly inheritable: readonly string[];
  readonly ambient: readonly string[];
}

export interface MountConfig {
  readonly destination: string;
  readonly type?: string | undefined;
  readonly source?: string | undefined;
  readonly options?: readonly string[] | undefined;
  /** From the ids of the files (`containerID`) to those that are seen (`hostID`). */
  readonly uidMappings?: readonly IdMapping[] | undefined;
  readonly gidMappings?: readonly IdMapping[] | undefined;
}

export interface LinuxConfig {
  readonly namespaces: readonly { readonly type: NamespaceType; readonly path?: string | undefined }[];
  readonly uidMappings?: readonly IdMapping[] | undefined;
  readonly gidMappings?: readonly IdMapping[] | undefined;
  readonly devices?: readonly DeviceConfig[] | undefined;
  readonly cgroupsPath?: string | undefined;
  readonly resources?: ResourceConfig | undefined;
  readonly sysctl?: Readonly<Record<string, string>> | undefined;
  readonly seccomp?: SeccompConfig | undefined;
  readonly rootfsPropagation?: string | undefined;
  /** SELinux label of every file of its mounts. */
  readonly mountLabel?: string | undefined;
  readonly maskedPaths?: readonly string[] | undefined;
  readonly readonlyPaths?: readonly string[] | undefined;
}

export type NamespaceType = 'pid' | 'network' | 'mount' | 'ipc' | 'uts' | 'user' | 'cgroup' | 'time';

export interface IdMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

export interface DeviceConfig {
  readonly path: string;
  readonly type: 'c' | 'b' | 'u' | 'p';
  readonly major: number;
  readonly minor: number;
  readonly fileMode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

export interface ResourceConfig {
  readonly devices?: readonly DeviceRule[] | undefined;
  readonly memory?:
    | {
        readonly limit?: number | undefined;
        readonly reservation?: number | undefined;
        /** Memory and swap together; -1 is unlimited. */
        readonly swap?: number | undefined;
        readonly swappiness?: number | undefined;
        readonly disableOOMKiller?: boolean | undefined;
      }
    | undefined;
  readonly cpu?:
    | {
        readonly shares?: number | undefined;
        /** Microseconds, as the three after it; -1 is unlimited. */
        readonly quota?: number | undefined;
        readonly burst?: number | undefined;
        readonly period?: number | undefined;
        readonly realtimeRuntime?: number | undefined;
        readonly realtimePeriod?: number | undefined;
        readonly cpus?: string | undefined;
        readonly mems?: string | undefined;
        /** 1: runs only when nothing else wants to. */
        readonly idle?: number | undefined;
      }
    | undefined;
  readonly pids?: { readonly limit: number } | undefined;
  readonly blockIO?:
    | {
        readonly weight?: number | undefined;
        readonly weightDevice?: readonly DeviceWeight[] | undefined;
        readonly throttleReadBpsDevice?: readonly DeviceRate[] | undefined;
        readonly throttleWriteBpsDevice?: readonly DeviceRate[] | undefined;
        readonly throttleReadIOPSDevice?: readonly DeviceRate[] | undefined;
        readonly throttleWriteIOPSDevice?: readonly DeviceRate[] | undefined;
      }
    | undefined;
  /** `pageSize` as the kernel names it: `2MB`, `1GB`. */
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: number }[] | undefined;
  readonly network?:
    | {
        readonly classID?: number | undefined;
        readonly priorities?: readonly { readonly name: string; readonly priority: number }[] | undefined;
      }
    | undefined;
  /** By name of the RDMA device. */
  readonly rdma?:
    | Readonly<
        Record<string, { readonly hcaHandles?: number | undefined; readonly hcaObjects?: number | undefined }>
      >
    | undefined;
  /** Control files of cgroup v2 by name, as `memory.high`, and what to write. */
  readonly unified?: Readonly<Record<string, string>> | undefined;
}

export interface DeviceWeight {
  readonly major: number;
  readonly minor: number;
  readonly weight: number;
}

export interface DeviceRate {
  readonly major: number;
  readonly minor: number;
  /** A second: bytes, or operations. */
  readonly rate: number;
}

export interface DeviceRule {
  readonly allow: boolean;
  readonly type?: 'a' | 'c' | 'b' | undefined;
  readonly major?: number | undefined;
  readonly minor?: number | undefined;
  readonly access?: string | undefined;
}

export type SeccompAction = (typeof seccompActions)[number];

export interface SeccompConfig {
  readonly defaultAction: SeccompAction;
  readonly defaultErrnoRet?: number | undefined;
  readonly architectures?: readonly string[] | undefined;
  readonly flags?: readonly string[] | undefined;
  readonly syscalls?: readonly SeccompRule[] | undefined;
}

export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: SeccompAction;
  readonly errnoRet?: number | undefined;
  readonly args?: readonly SeccompArg[] | undefined;
}

export interface SeccompArg {
  readonly index: number;
  /** 64-bit; decimal string where a number would lose bits. */
  readonly value: number;
  readonly valueTwo?: number | undefined;
  readonly op: (typeof seccompOperators)[number];
}
