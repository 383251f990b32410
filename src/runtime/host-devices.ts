import { lstatSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';

import { isErrno, TsbuildError } from '../core/index.ts';
import type { DeviceRule } from '../oci/runtime-spec.ts';
import { deviceNumbers } from './device-numbers.ts';
import type { GrantedDevice } from './devices.ts';

const expected = 'expected /dev/host[:/dev/container[:rwm]]';

/**
 * `--device HOST[:CONTAINER[:rwm]]`: the node that the host path leads to, or all nodes of a folder. Throws USAGE for a
 * malformed value and for what is no device.
 */
export function parseDevices(values: readonly string[]): readonly GrantedDevice[] {
  return values.flatMap(parseDevice);
}

/** `named`: on this machine, links not followed; `container`: where it is to be. */
interface DevicePlace {
  readonly named: string;
  readonly container: string;
  readonly access: string;
}

function parseDevice(text: string): readonly GrantedDevice[] {
  const [host = '', second, third, ...rest] = text.split(':');
  // docker reads `/dev/x:r` as access to a node at the same place.
  const access = third ?? (second !== undefined && isAccess(second) ? second : 'rwm');
  const inside = second === undefined || (third === undefined && isAccess(second)) ? host : second;
  if (!host.startsWith('/') || !inside.startsWith('/') || !isAccess(access) || rest.length > 0)
    throw invalid(text, expected);
  const container = posix.resolve('/', inside);
  const found = devicesAt(text, realPath(text, host), { named: host, container, access });
  if (found.length === 0) throw invalid(text, `there is no device in ${host}`);
  return found;
}

function devicesAt(text: string, host: string, as: DevicePlace): readonly GrantedDevice[] {
  const stat = statSync(host);
  if (!stat.isDirectory()) {
    const device = deviceOf(host, as);
    if (device !== undefined) return [device];
    throw invalid(text, `${host} is not a device`);
  }
  return nodesBelow(host).flatMap(
    (path) =>
      deviceOf(join(host, path), {
        ...as,
        named: posix.join(as.named, path),
        container: posix.join(as.container, path),
      }) ?? [],
  );
}

/** Every node of the host's own /dev, for `--privileged`; what each container has of its own is left out. */
export function allHostDevices(): readonly GrantedDevice[] {
  const own = new Set(['pts', 'shm', 'mqueue', 'fd', 'console', 'ptmx', 'hugepages', '.lxc', '.udev']);
  return nodesBelow('/dev', (name) => !own.has(name)).flatMap((path) => {
    const place = join('/dev', path);
    return deviceOf(place, { named: place, container: place, access: 'rwm' }) ?? [];
  });
}

/** Relative paths; links are not followed, so that the walk stays where it began. */
function nodesBelow(folder: string, wanted: (name: string) => boolean = () => true): readonly string[] {
  const found: string[] = [];
  const walk = (relative: string, filter: (name: string) => boolean): void => {
    for (const entry of readdirSync(join(folder, relative), { withFileTypes: true })) {
      if (!filter(entry.name)) continue;
      const path = join(relative, entry.name);
      if (entry.isDirectory()) walk(path, () => true);
      else if (entry.isCharacterDevice() || entry.isBlockDevice()) found.push(path);
    }
  };
  walk('', wanted);
  return found;
}

function deviceOf(host: string, { named, container, access }: DevicePlace): GrantedDevice | undefined {
  const stat = lstatSync(host);
  const type = stat.isCharacterDevice() ? 'c' : stat.isBlockDevice() ? 'b' : undefined;
  if (type === undefined) return undefined;
  const { major, minor } = deviceNumbers(BigInt(stat.rdev));
  const owner = { fileMode: stat.mode & 0o777, uid: stat.uid, gid: stat.gid };
  return { path: container, type, major, minor, ...owner, access, hostPath: named };
}

function realPath(text: string, path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'))
      throw invalid(text, `${path} does not exist on this machine`);
    throw error;
  }
}

function isAccess(text: string): boolean {
  return /^[rwm]{1,3}$/.test(text) && new Set(text).size === text.length;
}

/** `--device-cgroup-rule 'c 1:3 rwm'`. Throws USAGE. */
export function parseDeviceRules(values: readonly string[]): readonly DeviceRule[] {
  return values.map((text) => {
    const [, type, major = '', minor = '', access = ''] =
      /^([abc]) (\*|\d{1,7}):(\*|\d{1,7}) ([rwm]{1,3})$/.exec(text) ?? [];
    if (type !== 'a' && type !== 'b' && type !== 'c') {
      throw new TsbuildError('USAGE', `--device-cgroup-rule: invalid value ${JSON.stringify(text)}`, {
        hint: "expected type major:minor access, such as 'c 10:200 rwm'",
      });
    }
    return { allow: true, type, major: ruleNumber(major), minor: ruleNumber(minor), access };
  });
}

function ruleNumber(text: string): number | undefined {
  return text === '*' ? undefined : Number(text);
}

function invalid(text: string, hint: string): TsbuildError {
  return new TsbuildError('USAGE', `--device: invalid value ${JSON.stringify(text)}`, { hint });
}
