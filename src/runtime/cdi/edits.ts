import { posix } from 'node:path';

import { fromText, TsbuildError } from '../../core/index.ts';
import type { HooksConfig, MountConfig } from '../../oci/runtime-spec.ts';
import { openRootDir } from '../../sys/index.ts';
import type { GrantedDevice } from '../devices.ts';
import { mergeHooks } from '../hooks/merge.ts';
import { findDevices, type DeviceRequest } from './find.ts';
import { readCdiRegistry, type CdiDevice } from './registry.ts';
import type { CdiEdits } from './schema.ts';

/** What the devices asked for change of a container. */
export interface DeviceEdits {
  /** `NAME=value`; a later one wins. */
  readonly env: readonly string[];
  readonly devices: readonly GrantedDevice[];
  readonly mounts: readonly MountConfig[];
  readonly additionalGids: readonly number[];
  readonly hooks: HooksConfig;
  /** Optional devices that are not registered on this machine. */
  readonly missing: readonly string[];
}

type CdiNode = CdiEdits['deviceNodes'][number];

/**
 * Looks the devices up in this machine's CDI specs. `folders`: other places than CDI's own. Throws HOST_UNSUPPORTED for
 * a required one that is not there, and for edits that cannot be carried out.
 */
export async function deviceEdits(
  requests: readonly DeviceRequest[],
  folders?: readonly string[],
  { hooksAllowed = false }: { readonly hooksAllowed?: boolean | undefined } = {},
): Promise<DeviceEdits> {
  if (requests.length === 0) {
    return { env: [], devices: [], mounts: [], additionalGids: [], hooks: {}, missing: [] };
  }
  const { devices, missing } = findDevices(requests, await readCdiRegistry(folders));
  const specs = new Set<CdiEdits>();
  const edits: CdiEdits[] = [];
  for (const device of devices) {
    for (const each of [device.spec, device.edits]) refuseUnsupported(device, each, hooksAllowed);
    if (!specs.has(device.spec)) edits.push(device.spec);
    specs.add(device.spec);
    edits.push(device.edits);
  }
  return {
    env: edits.flatMap(({ env }) => env),
    devices: edits.flatMap(({ deviceNodes }) => deviceNodes.map(grantedDevice)),
    mounts: edits.flatMap(({ mounts }) => mounts.map(mountConfig)),
    additionalGids: edits.flatMap(({ additionalGids }) => additionalGids.filter((gid) => gid !== 0)),
    hooks: mergeHooks(
      edits.flatMap(({ hooks }) => hooks.map(({ hookName, ...hook }) => ({ [hookName]: [hook] }))),
    ),
    missing,
  };
}

/** Leaving them out would start the program with half of its device. */
function refuseUnsupported(
  { qualified }: CdiDevice,
  { hooks, netDevices, intelRdt }: CdiEdits,
  hooksAllowed: boolean,
): void {
  const what =
    hooks.length > 0 && !hooksAllowed
      ? 'hooks'
      : netDevices.length > 0
        ? 'network devices'
        : intelRdt !== undefined
          ? 'Intel RDT classes'
          : undefined;
  if (what === undefined) return;
  throw new TsbuildError(
    'HOST_UNSUPPORTED',
    `the CDI spec of ${qualified} wants ${what}, which are ${what === 'hooks' ? 'not allowed' : 'not supported'}`,
    {
      hint:
        what === 'hooks'
          ? 'hooks are programs that run on the host, outside of the container: --cdi-hooks lets them'
          : undefined,
    },
  );
}

function grantedDevice(node: CdiNode): GrantedDevice {
  const path = posix.resolve('/', node.path);
  if (!path.startsWith('/dev/')) {
    throw new TsbuildError(
      'HOST_UNSUPPORTED',
      `a CDI spec wants a device node outside of /dev: ${node.path}`,
    );
  }
  const numbers = numbersOf(node);
  return {
    path,
    ...numbers,
    fileMode: node.fileMode,
    uid: node.uid,
    gid: node.gid,
    hostPath: node.hostPath,
    access: node.permissions === undefined || node.permissions === '' ? 'rwm' : node.permissions,
  };
}

/** What the spec leaves open is as the host has it. */
function numbersOf(node: CdiNode): Pick<GrantedDevice, 'type' | 'major' | 'minor'> {
  const { type, major, minor } = node;
  if (type === 'p') return { type, major: 0, minor: 0 };
  if (type !== undefined && type !== '' && major !== undefined && minor !== undefined)
    return { type, major, minor };
  const path = node.hostPath ?? node.path;
  try {
    using root = openRootDir('/');
    const stat = root.stat(fromText(path));
    if (stat.type === 'char' || stat.type === 'block') {
      return { type: stat.type === 'char' ? 'c' : 'b', major: stat.major, minor: stat.minor };
    }
  } catch (error) {
    throw new TsbuildError('HOST_UNSUPPORTED', `the device ${path} of a CDI spec cannot be found`, {
      cause: error,
    });
  }
  throw new TsbuildError('HOST_UNSUPPORTED', `${path} of a CDI spec is not a device`);
}

function mountConfig(mount: CdiEdits['mounts'][number]): MountConfig {
  const { hostPath, containerPath, type, options } = mount;
  const destination = posix.resolve('/', containerPath);
  if (destination === '/') throw new TsbuildError('HOST_UNSUPPORTED', 'a CDI spec wants to mount over /');
  return {
    destination,
    type: type === undefined || type === '' ? 'bind' : type,
    source: hostPath,
    options: options.length > 0 ? options : ['bind'],
  };
}
