import type { Json } from '../../core/index.ts';
import type { MountRequest } from '../volumes/index.ts';
import type { ContainerOptions } from './prepare.ts';

export interface AskedDevice {
  readonly path: string;
  readonly access: string;
  /** Where this machine has it. */
  readonly hostPath?: string | undefined;
}

/** Options of `run` as the user meant them, of which the runtime configuration shows the results only. */
export interface AskedOptions {
  readonly privileged?: boolean | undefined;
  readonly user?: string | undefined;
  /** Instead of the image's; empty: none. */
  readonly entrypoint?: readonly string[] | undefined;
  readonly capAdd?: readonly string[] | undefined;
  readonly capDrop?: readonly string[] | undefined;
  readonly securityOpt?: readonly string[] | undefined;
  readonly groupAdd?: readonly string[] | undefined;
  readonly volumesFrom?: readonly string[] | undefined;
  readonly tmpfs?: Readonly<Record<string, string>> | undefined;
  /** Paths; those of `--device`, not all of `--privileged`. */
  readonly devices?: readonly AskedDevice[] | undefined;
  /** Names of CDI devices. */
  readonly cdiDevices?: readonly string[] | undefined;
}

export function askedOf(options: ContainerOptions): AskedOptions {
  const { security, volumesFrom = [], mounts } = options;
  return {
    privileged: security?.privileged,
    user: options.user,
    entrypoint: options.entrypoint,
    capAdd: security?.capAdd,
    capDrop: security?.capDrop,
    securityOpt: security?.securityOpt,
    groupAdd: security?.groups,
    devices: security?.devices.map(({ path, access = 'rwm', hostPath }) => ({ path, access, hostPath })),
    cdiDevices: security?.cdiDevices,
    volumesFrom,
    tmpfs: tmpfsOf(mounts),
  };
}

function tmpfsOf(mounts: readonly MountRequest[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    mounts.flatMap((mount) =>
      mount.kind === 'tmpfs' ? [[mount.destination, mount.options.join()] as const] : [],
    ),
  );
}

/** Members of docker's HostConfig. */
export function hostConfigOfAsked(asked: AskedOptions = {}): Readonly<Record<string, Json>> {
  return {
    Privileged: asked.privileged ?? false,
    CapAdd: asked.capAdd ?? [],
    CapDrop: asked.capDrop ?? [],
    SecurityOpt: asked.securityOpt ?? [],
    GroupAdd: asked.groupAdd ?? [],
    VolumesFrom: asked.volumesFrom ?? [],
    Tmpfs: asked.tmpfs ?? {},
    Devices: (asked.devices ?? []).map(({ path, access, hostPath = path }) => ({
      PathOnHost: hostPath,
      PathInContainer: path,
      CgroupPermissions: access,
    })),
    DeviceRequests: deviceRequests(asked.cdiDevices ?? []),
  };
}

/** As docker tells of CDI devices. */
function deviceRequests(names: readonly string[]): readonly Json[] {
  if (names.length === 0) return [];
  return [{ Driver: 'cdi', Count: 0, DeviceIDs: names, Capabilities: null, Options: null }];
}
