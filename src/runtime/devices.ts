import type { DeviceConfig, DeviceRule } from '../oci/runtime-spec.ts';

/** A device node and what a program may do with it. */
export interface GrantedDevice extends DeviceConfig {
  /** Some of `r`, `w` and `m`; all unless told. */
  readonly access?: string | undefined;
  /** Where this machine has it, as the user named it. */
  readonly hostPath?: string | undefined;
}

/** A granted device takes the place of the one at its path. */
export function withDevices(
  own: readonly DeviceConfig[],
  granted: readonly GrantedDevice[],
): readonly DeviceConfig[] {
  const all = new Map(own.map((device) => [device.path, device]));
  for (const { access: _access, hostPath: _hostPath, ...device } of granted) all.set(device.path, device);
  return [...all.values()];
}

/** By path in the container: the path on this machine of the granted devices. */
export function deviceSources(granted: readonly GrantedDevice[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    granted.flatMap(({ path, hostPath }) => (hostPath === undefined ? [] : [[path, hostPath]])),
  );
}

/** What the cgroup has to let through. A FIFO is no device of the kernel's. */
export function deviceRules(granted: readonly GrantedDevice[]): DeviceRule[] {
  return granted.flatMap(({ type, major, minor, access = 'rwm' }) =>
    type === 'p'
      ? []
      : [{ allow: true, type: type === 'b' ? ('b' as const) : ('c' as const), major, minor, access }],
  );
}
