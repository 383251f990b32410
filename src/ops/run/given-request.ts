import { statSync } from 'node:fs';

import { TsbuildError } from '../../core/index.ts';
import type { MountConfig } from '../../oci/index.ts';
import { resolveGroups, type ContainerRequest, type DeviceEdits } from '../../runtime/index.ts';
import { securityRequest } from '../container/security.ts';
import { bindConfig } from '../volumes/claim.ts';
import type { BindRequest } from '../volumes/requests.ts';
import type { BuildServices, State } from '../types.ts';
import type { GivenToRuns } from './given.ts';

type Granted = Partial<Omit<ContainerRequest, 'mounts'>> & {
  readonly groups?: readonly number[];
  readonly mounts?: readonly MountConfig[];
};

/** What the command line gives to a step, as its container is asked for. Throws HOST_UNSUPPORTED for what cannot be had. */
export async function givenToStep(
  given: GivenToRuns | undefined,
  step: {
    readonly id: string;
    readonly parts: {
      readonly services: Pick<BuildServices, 'snapshotter'>;
      readonly parent: State;
      readonly devices: DeviceEdits;
    };
  },
): Promise<Granted> {
  if (given === undefined) return {};
  const { services, parent, devices } = step.parts;
  const { security, volumes } = given;
  const asked = await securityRequest(security, { id: step.id, granted: devices.devices });
  return {
    // What is as it always is stays so: `--security=insecure` has its own.
    ...(security.capAdd.length + security.capDrop.length > 0 && { capabilities: asked.capabilities }),
    ...(security.options.apparmor !== undefined && { apparmorProfile: asked.apparmorProfile }),
    seccomp: asked.seccomp,
    noNewPrivileges: asked.noNewPrivileges,
    openSystemPaths: asked.openSystemPaths,
    mask: asked.mask,
    unmask: asked.unmask,
    selinux: asked.selinux,
    devices: asked.devices,
    groups: await groupsIn(services, parent, security.groups),
    mounts: volumes.map(volumeMount),
  };
}

async function groupsIn(
  { snapshotter }: Pick<BuildServices, 'snapshotter'>,
  { snapshot }: State,
  names: readonly string[],
): Promise<readonly number[]> {
  if (names.length === 0) return [];
  await using view = await snapshotter.view(snapshot);
  return resolveGroups(view.root, names);
}

/** A folder that is made because a name was mistyped would be an empty one in every step. */
function volumeMount(request: BindRequest): MountConfig {
  if (statSync(request.source, { throwIfNoEntry: false }) !== undefined) return bindConfig(request);
  throw new TsbuildError('USAGE', `-v: there is no ${request.source}`);
}
