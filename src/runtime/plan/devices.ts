import type { DeviceConfig } from '../../oci/runtime-spec.ts';
import type { ContainerSpec } from '../types.ts';
import { inUserNamespace, type HostFacts } from './host.ts';
import { noChanges } from './mount-options.ts';
import type { SetupOp } from './ops.ts';

/** The links that every `/dev` has (runtime-spec config-linux.md, "Dev symbolic links"). */
const deviceLinks: readonly (readonly [path: string, target: string])[] = [
  ['/dev/fd', '/proc/self/fd'],
  ['/dev/stdin', '/proc/self/fd/0'],
  ['/dev/stdout', '/proc/self/fd/1'],
  ['/dev/stderr', '/proc/self/fd/2'],
  ['/dev/core', '/proc/kcore'],
  ['/dev/ptmx', 'pts/ptmx'],
];

/** Device nodes and links; a `/dev` that the caller binds is left as it is. */
export function planDevices(spec: ContainerSpec, host: HostFacts): SetupOp[] {
  const { linux, mounts } = spec.config;
  const dev = mounts.find(({ destination }) => destination === '/dev');
  if (dev !== undefined && dev.type !== 'tmpfs') return [];
  const bound = inUserNamespace(spec, host);
  return [
    ...(linux.devices ?? []).map((device) =>
      planDevice(device, bound ? (spec.deviceSources?.[device.path] ?? device.path) : undefined),
    ),
    ...deviceLinks.map(([path, target]): SetupOp => ({ kind: 'symlink', target, path })),
  ];
}

/** A user namespace may not make device nodes: the host's are bound; read-only, so that a chmod is not one of the host's. */
function planDevice(device: DeviceConfig, source: string | undefined): SetupOp {
  const { path } = device;
  if (source !== undefined && device.type !== 'p') {
    return {
      kind: 'bind',
      source,
      subpath: '',
      destination: path,
      recursive: false,
      changes: { ...noChanges, set: ['ro'] },
    };
  }
  return {
    kind: 'device',
    path,
    type: device.type === 'u' ? 'c' : device.type,
    mode: device.fileMode ?? 0o666,
    major: device.major,
    minor: device.minor,
    uid: device.uid ?? 0,
    gid: device.gid ?? 0,
  };
}
