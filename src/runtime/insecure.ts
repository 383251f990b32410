import type { CapabilitySets, DeviceConfig, MountConfig } from '../oci/runtime-spec.ts';
import { capabilityNames } from './plan/numbers.ts';

/** `RUN --security=insecure`: what BuildKit gives a step then (its solver, entitlements/security). */
export interface InsecureOptions {
  /** How many loop devices there are nodes for. */
  readonly loopDevices: number;
}

/** In every set, so that a program of an ordinary user has them, too. The launcher leaves out those that the builder lacks. */
export const insecureCapabilitySets: CapabilitySets = {
  bounding: capabilityNames,
  effective: capabilityNames,
  permitted: capabilityNames,
  inheritable: capabilityNames,
  ambient: capabilityNames,
};

const nodes: readonly (readonly [path: string, major: number, minor: number])[] = [
  ['/dev/kmsg', 1, 11],
  ['/dev/cuse', 10, 203],
  ['/dev/fuse', 10, 229],
  ['/dev/kvm', 10, 232],
  ['/dev/net/tun', 10, 200],
  ['/dev/loop-control', 10, 237],
];

/** Device nodes beside the default ones. */
export function insecureDevices({ loopDevices }: InsecureOptions): readonly DeviceConfig[] {
  const loops = Array.from({ length: loopDevices }, (_, minor): DeviceConfig => ({
    path: `/dev/loop${minor}`,
    type: 'b',
    major: 7,
    minor,
  }));
  return [
    ...nodes.map(([path, major, minor]): DeviceConfig => ({ path, type: 'c', major, minor })),
    ...loops,
  ];
}

/** sysfs and the cgroup tree may be written to. */
export function writable(mount: MountConfig): MountConfig {
  if (mount.destination !== '/sys' && mount.destination !== '/sys/fs/cgroup') return mount;
  return { ...mount, options: (mount.options ?? []).filter((option) => option !== 'ro') };
}
