import { statSync } from 'node:fs';
import { posix } from 'node:path';

import { fromText } from '../core/index.ts';
import type { MountConfig } from '../oci/runtime-spec.ts';
import { openRootDir } from '../sys/index.ts';
import { commonStubs, type StubTarget } from './stubs.ts';
import type { ContainerSpec } from './types.ts';

/**
 * The mount points a container's overlay needs from its stubs: those that do not lie inside another mount. Of a sub-path
 * of an overlay only the caller knows what it is; else the launcher makes its point in the root file system.
 */
export function stubTargets(spec: ContainerSpec): StubTarget[] {
  const { mounts } = spec.config;
  return [
    ...commonStubs,
    ...mounts
      .filter((mount) => !insideAnother(mount, mounts))
      .flatMap((mount) => {
        const directory = isDirectory(mount, spec);
        return directory === undefined ? [] : [{ path: posix.resolve('/', mount.destination), directory }];
      }),
  ];
}

function insideAnother(mount: MountConfig, mounts: readonly MountConfig[]): boolean {
  return mounts.some(({ destination }) =>
    mount.destination.startsWith(`${posix.resolve('/', destination)}/`),
  );
}

function isDirectory(
  { destination, type, source, options }: MountConfig,
  { subpaths, subpathKinds }: ContainerSpec,
): boolean | undefined {
  const subpath = subpaths?.[destination];
  const binds = type === 'bind' || options?.some((option) => /^r?bind$/.test(option)) === true;
  if (!binds || source === undefined) {
    const kind = subpath === undefined ? 'directory' : subpathKinds?.[destination];
    return kind === undefined ? undefined : kind === 'directory';
  }
  if (subpath === undefined) return statSync(source, { throwIfNoEntry: false })?.isDirectory() ?? true;
  try {
    using inside = openRootDir(source);
    return inside.stat(fromText(subpath)).type === 'directory';
  } catch {
    // The launcher will say what is wrong with it.
    return undefined;
  }
}
