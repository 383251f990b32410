import { statSync } from 'node:fs';
import { posix } from 'node:path';

import type { MountConfig } from '../oci/runtime-spec.ts';
import { commonStubs, type StubTarget } from './stubs.ts';
import type { ContainerSpec } from './types.ts';

/**
 * The mount points a container's overlay needs from its stubs: those that do not lie inside another mount. Of a mount
 * with a sub-path nothing is known yet; the launcher makes its point when it is missing.
 */
export function stubTargets(spec: ContainerSpec): StubTarget[] {
  const { mounts } = spec.config;
  const own = mounts.filter(
    (mount) => spec.subpaths?.[mount.destination] === undefined && !insideAnother(mount, mounts),
  );
  return [
    ...commonStubs,
    ...own.map((mount) => ({ path: posix.resolve('/', mount.destination), directory: isDirectory(mount) })),
  ];
}

function insideAnother(mount: MountConfig, mounts: readonly MountConfig[]): boolean {
  return mounts.some(({ destination }) =>
    mount.destination.startsWith(`${posix.resolve('/', destination)}/`),
  );
}

function isDirectory(mount: MountConfig): boolean {
  const binds = mount.type === 'bind' || mount.options?.some((option) => /^r?bind$/.test(option)) === true;
  if (!binds || mount.source === undefined) return true;
  return statSync(mount.source, { throwIfNoEntry: false })?.isDirectory() ?? true;
}
