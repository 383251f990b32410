import type { HookConfig, NamespaceType } from '../../oci/runtime-spec.ts';

/** Flags of one mount, as mount_setattr(2) has them; of the access times the last one given counts. */
export type MountAttribute =
  | 'ro'
  | 'nosuid'
  | 'nodev'
  | 'noexec'
  | 'nosymfollow'
  | 'noatime'
  | 'strictatime'
  | 'relatime'
  | 'nodiratime';

export type Propagation =
  'private' | 'rprivate' | 'slave' | 'rslave' | 'shared' | 'rshared' | 'unbindable' | 'runbindable';

/** Changes to a mount that is made from an existing tree; `recursive…` reach the mounts below it, too. */
export interface MountChanges {
  readonly set: readonly MountAttribute[];
  readonly clear: readonly MountAttribute[];
  readonly recursiveSet: readonly MountAttribute[];
  readonly recursiveClear: readonly MountAttribute[];
  readonly propagation: Propagation | undefined;
}

/** Host folders; `lowers` top first; without an upper the mount is read-only. */
export interface OverlayLayers {
  readonly lowers: readonly string[];
  readonly upper: string | undefined;
  readonly work: string | undefined;
  /** No syncing of the upper at unmounting. */
  readonly volatile: boolean;
  /** Whiteouts and opaque marks as `user.overlay.*`: what an ordinary user may write. */
  readonly userXattrs: boolean;
  /** SELinux label of all files. */
  readonly context?: string | undefined;
}

export interface NamespaceToJoin {
  readonly type: NamespaceType;
  /** A file of the host: `/proc/PID/ns/…`. */
  readonly path: string;
}

/**
 * One step of setting up a container. The launcher carries them out in order and decides nothing. Those up to `clone`
 * are done by its outer process on the host, the rest by the container's first process in its new namespaces.
 * Destinations are paths of the container, resolved below its root; all other paths are the host's.
 */
export type SetupOp =
  /** cgroup folders to kill and remove when the container is let go. */
  | { readonly kind: 'cleanup'; readonly folders: readonly string[] }
  /** A BPF_PROG_TYPE_CGROUP_DEVICE program for a v2 cgroup. */
  | { readonly kind: 'device-program'; readonly folder: string; readonly program: Uint8Array }
  | { readonly kind: 'oom-score'; readonly value: number }
  /** What the program leaves behind when it ends is not killed: it belongs to the container that is entered. */
  | { readonly kind: 'leave-rest' }
  /** Without a pid namespace: what the program leaves behind comes to the outer process, which ends it. */
  | { readonly kind: 'reap-rest' }
  /** A user namespace for mounts that are mapped by it; contents of its uid_map and gid_map. */
  | { readonly kind: 'id-map'; readonly uidMap: string; readonly gidMap: string }
  | {
      readonly kind: 'clone';
      readonly create: readonly NamespaceType[];
      readonly join: readonly NamespaceToJoin[];
      /**
       * `relayed`: the caller's descriptors 0 to 2 through pipes, since a container that held them could change what they
       * stand for (its mode, its owner, and through /proc/self/fd what was open for reading only). `pipes`: the output alone.
       */
      readonly output: 'relayed' | 'pipes' | 'terminal';
      /** Contents of uid_map and gid_map of a new user namespace. */
      readonly uidMap: string;
      readonly gidMap: string;
    }
  | { readonly kind: 'join-cgroup'; readonly files: readonly string[] }
  | { readonly kind: 'unshare'; readonly namespaces: readonly NamespaceType[] }
  /** In this order; with that of mounts come its root, as the one of all later paths, and its working directory. */
  | { readonly kind: 'enter'; readonly join: readonly NamespaceToJoin[] }
  | { readonly kind: 'propagation'; readonly path: string; readonly propagation: Propagation }
  /** `scratch`: a host folder that the root is mounted over, in the container's own mount namespace only. */
  | { readonly kind: 'root-overlay'; readonly scratch: string; readonly layers: OverlayLayers }
  | { readonly kind: 'root-bind'; readonly scratch: string; readonly path: string }
  /** The folder itself, without a mount. */
  | { readonly kind: 'root-folder'; readonly path: string }
  | {
      readonly kind: 'mount';
      readonly type: string;
      readonly source: string;
      readonly destination: string;
      readonly attributes: readonly MountAttribute[];
      readonly propagation: Propagation | undefined;
      /** The destination must be reached without any symbolic link. */
      readonly real: boolean;
      readonly options: readonly MountOption[];
    }
  | {
      readonly kind: 'bind';
      readonly source: string;
      /** Resolved inside the source as if that were `/`; empty for the source itself. */
      readonly subpath: string;
      readonly destination: string;
      readonly recursive: boolean;
      readonly changes: MountChanges;
      /** Which of the plan's `id-map` operations it is mapped by, from 0 on; `recursive`: the mounts below it, too. */
      readonly ids?: { readonly map: number; readonly recursive: boolean } | undefined;
    }
  | {
      readonly kind: 'overlay';
      readonly scratch: string;
      readonly subpath: string;
      readonly destination: string;
      readonly changes: MountChanges;
      readonly layers: OverlayLayers;
    }
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number }
  | {
      readonly kind: 'device';
      readonly path: string;
      readonly type: 'c' | 'b' | 'p';
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
      readonly uid: number;
      readonly gid: number;
    }
  | { readonly kind: 'symlink'; readonly target: string; readonly path: string }
  | { readonly kind: 'mask'; readonly path: string }
  | { readonly kind: 'readonly-path'; readonly path: string }
  | { readonly kind: 'readonly-root' }
  /** Device nodes of the image, and those made in it, open nothing. */
  | { readonly kind: 'nodev-root' }
  | {
      readonly kind: 'terminal';
      readonly columns: number;
      readonly rows: number;
      readonly uid: number;
    }
  /** The pipes become the user's, and the host's /dev/null gives way to the container's own. */
  | { readonly kind: 'stdio'; readonly uid: number }
  /** Waits while the builder runs the hooks that are its own. */
  | { readonly kind: 'hook-point' }
  /** A program of the host, in the container's namespaces. */
  | HookOp<'hook'>
  /** A program of the container, when the start is asked for: as the user, with all limits. */
  | HookOp<'start-hook'>
  | { readonly kind: 'pivot' }
  /** Of who cannot pivot, having no mounts of its own. */
  | { readonly kind: 'chroot' }
  | { readonly kind: 'hostname'; readonly name: string }
  | { readonly kind: 'domainname'; readonly name: string }
  | { readonly kind: 'loopback' }
  /** `path` below the root of procfs: `sys/net/…`. */
  | { readonly kind: 'sysctl'; readonly path: string; readonly value: string }
  | { readonly kind: 'keyring' }
  /** What /proc/thread-self/attr is told, of the host's /proc. */
  | {
      readonly kind: 'label';
      readonly attribute: 'apparmor/exec' | 'exec' | 'keycreate';
      readonly value: string;
    }
  | { readonly kind: 'rlimit'; readonly resource: string; readonly soft: number; readonly hard: number }
  | {
      readonly kind: 'cwd';
      readonly path: string;
      /** Who owns what has to be created; undefined: a missing directory is an error. */
      readonly create: { readonly uid: number; readonly gid: number } | undefined;
    }
  /** Capabilities that stay in the bounding set. */
  | { readonly kind: 'bounding'; readonly capabilities: readonly string[] }
  | {
      readonly kind: 'user';
      readonly uid: number;
      readonly gid: number;
      /** Supplementary ones; undefined: those of the builder, which may not change them. */
      readonly groups: readonly number[] | undefined;
    }
  | { readonly kind: 'umask'; readonly mask: number }
  | { readonly kind: 'no-new-privileges' }
  /** `flags` of seccomp(2); `program` is an array of struct sock_filter. */
  | { readonly kind: 'seccomp'; readonly flags: number; readonly program: Uint8Array }
  | {
      readonly kind: 'capabilities';
      readonly effective: readonly string[];
      readonly permitted: readonly string[];
      readonly inheritable: readonly string[];
      readonly ambient: readonly string[];
    }
  /** The process stays, as a reaper; the program becomes its child. */
  | { readonly kind: 'init' }
  /** Waits for the start, then searches PATH of `env` inside the container. Always the last one. */
  | { readonly kind: 'exec'; readonly args: readonly string[]; readonly env: readonly string[] };

/** An option of a file system: a flag when it has no value. */
export interface MountOption {
  readonly key: string;
  readonly value: string | undefined;
}

export interface HookOp<Kind extends string> {
  readonly kind: Kind;
  readonly hook: HookConfig;
  /** The container's state as JSON (runtime-spec runtime.md): what is before its process id, and what is after. */
  readonly state: readonly [before: string, after: string];
}

export type SetupOpKind = SetupOp['kind'];
