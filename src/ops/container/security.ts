import type { DeviceRule } from '../../oci/runtime-spec.ts';
import {
  allHostDevices,
  apparmorProfile,
  askedLabels,
  defaultSeccompProfile,
  hostSeccompArch,
  readDockerProfile,
  requireCapabilities,
  requireSecurity,
  type ContainerRequest,
  type GrantedDevice,
  type SecurityOptions,
} from '../../runtime/index.ts';

/** How far a container is shut in: values checked, the machine not asked yet. */
export interface SecurityChoices {
  readonly privileged: boolean;
  /** As the user wrote them. */
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  /** What comes of both. */
  readonly capabilities: readonly string[];
  readonly options: SecurityOptions;
  /** As the user wrote them. */
  readonly securityOpt: readonly string[];
  readonly devices: readonly GrantedDevice[];
  /** Devices of this machine's CDI specs, as `vendor.com/class=name`. */
  readonly cdiDevices: readonly string[];
  readonly deviceRules: readonly DeviceRule[];
  readonly sysctls: Readonly<Record<string, string>>;
  /** Names or numbers, beside those of the user. */
  readonly groups: readonly string[];
  /** False: the machine's own. */
  readonly namespaces: {
    readonly ipc: boolean;
    readonly pid: boolean;
    readonly uts: boolean;
    readonly cgroup: boolean;
  };
}

type SecurityRequest = Pick<
  ContainerRequest,
  | 'capabilities'
  | 'seccomp'
  | 'noNewPrivileges'
  | 'privileged'
  | 'openSystemPaths'
  | 'mask'
  | 'unmask'
  | 'devices'
  | 'deviceRules'
  | 'sysctls'
  | 'sharedNamespaces'
  | 'apparmorProfile'
  | 'selinux'
>;

/** Throws HOST_UNSUPPORTED for what was asked for by name and this machine cannot give. */
export async function securityRequest(
  choices: SecurityChoices,
  { id, granted }: { readonly id: string; readonly granted: readonly GrantedDevice[] },
): Promise<SecurityRequest> {
  const { options, namespaces, capabilities, privileged } = choices;
  requireSecurity(options);
  requireCapabilities(choices.capAdd);
  return {
    capabilities,
    seccomp: await seccompOf(choices),
    noNewPrivileges: options.noNewPrivileges,
    privileged,
    openSystemPaths: privileged || options.systemPathsUnconfined,
    mask: options.mask,
    unmask: options.unmask,
    devices: [...(privileged ? allHostDevices() : []), ...choices.devices, ...granted],
    deviceRules: choices.deviceRules,
    sysctls: choices.sysctls,
    sharedNamespaces: (['ipc', 'pid', 'uts', 'cgroup'] as const).filter((type) => !namespaces[type]),
    apparmorProfile: apparmorProfile(options, { privileged }),
    selinux: askedLabels(options, id),
  };
}

/** A profile that is named counts for privileged containers, too: nobody names one to have it ignored. */
async function seccompOf({
  options,
  capabilities,
  privileged,
}: SecurityChoices): Promise<ContainerRequest['seccomp']> {
  const { seccomp } = options;
  if (seccomp === 'unconfined') return 'unconfined';
  if (seccomp === 'default') return privileged ? 'unconfined' : defaultSeccompProfile(capabilities);
  const architecture = hostSeccompArch();
  // The plan says what this machine lacks.
  return architecture === undefined
    ? defaultSeccompProfile(capabilities)
    : readDockerProfile(seccomp.file, { architecture, capabilities });
}
