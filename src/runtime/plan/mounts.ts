import { TsbuildError } from '../../core/index.ts';
import type { MountConfig } from '../../oci/runtime-spec.ts';
import { isMapped } from '../mapped-ids.ts';
import type { ContainerSpec } from '../types.ts';
import { idsOf, inUserNamespace, type HostFacts } from './host.ts';
import { mountContext } from './labels.ts';
import { noChanges, parseMountOptions, type ParsedOptions } from './mount-options.ts';
import type { OverlayLayers, SetupOp } from './ops.ts';

/** Kernel file systems, which must not be mounted where a link of the image leads (CVE-2019-19921, CVE-2023-27561). */
const kernelTypes: ReadonlySet<string> = new Set(['proc', 'sysfs', 'cgroup2', 'devpts', 'mqueue']);

type MountOp = Extract<SetupOp, { kind: 'mount' }>;

const labelledTypes: ReadonlySet<string> = new Set(['tmpfs', 'devpts', 'ramfs']);

/** Where `/` comes from, and everything mounted into it, in the config's order. */
export function planMounts(spec: ContainerSpec, host: HostFacts): SetupOp[] {
  return [planRoot(spec, host), ...spec.config.mounts.flatMap((mount) => planMount(mount, spec, host))];
}

function planRoot(spec: ContainerSpec, host: HostFacts): SetupOp {
  const { rootfs } = spec;
  if (rootfs.kind === 'bind') return { kind: 'root-bind', scratch: host.scratch.root, path: rootfs.path };
  const { lowers, upper, work } = rootfs.overlay;
  // The stubs are below everything: mount points show in the merged tree, and never come into being in the upper.
  const all = host.stubs === undefined ? lowers : [...lowers, host.stubs];
  return {
    kind: 'root-overlay',
    scratch: host.scratch.root,
    layers: {
      lowers: all,
      upper,
      work,
      volatile: rootfs.volatile,
      userXattrs: inUserNamespace(spec, host),
      context: mountContext(spec, host),
    },
  };
}

function planMount(mount: MountConfig, spec: ContainerSpec, host: HostFacts): SetupOp[] {
  const parsed = parseMountOptions(mount.options ?? []);
  const { destination } = mount;
  const isBind = parsed.bind !== 'no' || mount.type === 'bind';
  if (!isBind && (parsed.mapped !== 'no' || mappedMounts(spec).includes(mount))) {
    throw new TsbuildError(
      'RUNTIME_SETUP',
      `the mount on ${destination} cannot be mapped: it is no bind mount`,
    );
  }
  if (!destination.startsWith('/')) {
    throw new TsbuildError('RUNTIME_SETUP', `the mount point ${destination} is not an absolute path`);
  }
  const subpath = spec.subpaths?.[destination] ?? '';
  if (isBind) return [planBind(mount, parsed, { spec, subpath })];
  switch (mount.type) {
    case 'overlay':
      return [planOverlay(mount, parsed, { spec, host, subpath })];
    case 'cgroup':
    case 'cgroup2':
      return planCgroupMount(destination, parsed, host);
    case 'sysfs':
      return [planSysfs(mount, parsed, spec, host)];
    case 'proc':
      if (host.covered?.proc === true) return [planTree('/proc', destination, parsed)];
      return [planFileSystem(mount, 'proc', parsed)];
    case undefined:
      throw new TsbuildError('RUNTIME_SETUP', `the mount on ${destination} has no type`);
    default:
      return [withContext(withMappedIds(planFileSystem(mount, mount.type, parsed), spec, host), spec, host)];
  }
}

/** Those of the kernel's own have labels by the policy, and take none. */
function withContext(op: MountOp, spec: ContainerSpec, host: HostFacts): SetupOp {
  const context = mountContext(spec, host);
  if (context === undefined || !labelledTypes.has(op.type)) return op;
  return { ...op, options: [...op.options, { key: 'context', value: context }] };
}

function planFileSystem(mount: MountConfig, type: string, parsed: ParsedOptions): MountOp {
  return {
    kind: 'mount',
    type,
    source: mount.source ?? type,
    destination: mount.destination,
    attributes: [...parsed.changes.set, ...parsed.changes.recursiveSet],
    propagation: parsed.changes.propagation,
    real: kernelTypes.has(type) || mount.destination === '/dev',
    options: parsed.data,
  };
}

/** `gid=5` of devpts is only a convention: without that group the terminals belong to the user's own. */
function withMappedIds(op: MountOp, spec: ContainerSpec, host: HostFacts): MountOp {
  const ids = idsOf(spec, host);
  if (ids === undefined || op.type !== 'devpts') return op;
  const options = op.options.filter(
    ({ key, value }) => key !== 'gid' || isMapped(ids.gids, Number(value ?? 0)),
  );
  return { ...op, options };
}

/** In the order of their `id-map` operations. */
export function mappedMounts({ config }: ContainerSpec): readonly MountConfig[] {
  return config.mounts.filter(
    ({ uidMappings = [], gidMappings = [] }) => uidMappings.length + gidMappings.length > 0,
  );
}

function planBind(
  mount: MountConfig,
  parsed: ParsedOptions,
  { spec, subpath }: { readonly spec: ContainerSpec; readonly subpath: string },
): SetupOp {
  const { source, destination } = mount;
  if (source?.startsWith('/') !== true) {
    throw new TsbuildError('RUNTIME_SETUP', `the bind mount on ${destination} has no absolute source`);
  }
  const recursive = parsed.bind !== 'bind';
  const map = mappedMounts(spec).indexOf(mount);
  if (map < 0 && parsed.mapped !== 'no') {
    throw new TsbuildError('RUNTIME_SETUP', `the mount on ${destination} is to be mapped, and says no ids`);
  }
  return {
    kind: 'bind',
    source,
    subpath,
    destination,
    recursive,
    changes: parsed.changes,
    ...(map >= 0 && { ids: { map, recursive: parsed.mapped === 'ridmap' } }),
  };
}

/** `lowerdir=`, `upperdir=` and `workdir=` as mount(8) has them: how another image's tree is mounted. */
function planOverlay(
  mount: MountConfig,
  parsed: ParsedOptions,
  {
    spec,
    host,
    subpath,
  }: { readonly spec: ContainerSpec; readonly host: HostFacts; readonly subpath: string },
): SetupOp {
  const option = (key: string): string | undefined => parsed.data.find((entry) => entry.key === key)?.value;
  const lowers = splitLowers(option('lowerdir') ?? '');
  const upper = option('upperdir');
  const only = lowers[0];
  if (only === undefined) {
    throw new TsbuildError('RUNTIME_SETUP', `the overlay on ${mount.destination} has no lowerdir`);
  }
  // The kernel refuses an overlay of one layer without an upper.
  if (upper === undefined && lowers.length === 1) {
    const changes = { ...parsed.changes, set: [...new Set([...parsed.changes.set, 'ro' as const])] };
    return { kind: 'bind', source: only, subpath, destination: mount.destination, recursive: false, changes };
  }
  const layers: OverlayLayers = {
    lowers,
    upper,
    work: option('workdir'),
    volatile: parsed.data.some(({ key }) => key === 'volatile'),
    userXattrs: inUserNamespace(spec, host),
    context: mountContext(spec, host),
  };
  const { destination } = mount;
  return {
    kind: 'overlay',
    scratch: host.scratch.tree,
    subpath,
    destination,
    changes: parsed.changes,
    layers,
  };
}

/** `a:b\:c` are the folders `a` and `b:c`. */
export function splitLowers(text: string): string[] {
  return [...text.matchAll(/(?:\\.|[^:\\])+/g)].map(([part]) => part.replaceAll(/\\(.)/g, '$1'));
}

/** In a user namespace sysfs belongs to whom the network namespace belongs to: with the host's, only a bind is allowed. */
function planSysfs(mount: MountConfig, parsed: ParsedOptions, spec: ContainerSpec, host: HostFacts): SetupOp {
  const ownNetwork = spec.config.linux.namespaces.some(({ type }) => type === 'network');
  const own = !inUserNamespace(spec, host) || (ownNetwork && host.covered?.sysfs !== true);
  return own ? planFileSystem(mount, 'sysfs', parsed) : planTree('/sys', mount.destination, parsed);
}

/** A tree of the machine's with all its mounts: in a user namespace the kernel gives none without what covers it. */
function planTree(source: string, destination: string, { changes }: ParsedOptions): SetupOp {
  const recursiveSet = [...new Set([...changes.recursiveSet, ...changes.set])];
  return {
    kind: 'bind',
    source,
    subpath: '',
    destination,
    recursive: true,
    changes: { ...changes, recursiveSet },
  };
}

/**
 * v2: the tree of the container's own cgroup namespace. v1: a folder with those controllers of which the container has
 * a cgroup of its own; the others would show, and with CAP_SYS_ADMIN give, the neighbours' ones.
 */
function planCgroupMount(destination: string, parsed: ParsedOptions, host: HostFacts): SetupOp[] {
  const attributes = parsed.changes.set;
  const { cgroup } = host;
  switch (cgroup.version) {
    case 'v2':
      return [
        {
          kind: 'mount',
          type: 'cgroup2',
          source: 'cgroup2',
          destination,
          attributes,
          propagation: undefined,
          real: true,
          options: [],
        },
      ];
    case 'v1':
      return [
        {
          kind: 'mount',
          type: 'tmpfs',
          source: 'cgroup',
          destination,
          attributes: attributes.filter((attribute) => attribute !== 'ro'),
          propagation: undefined,
          real: true,
          options: [
            { key: 'mode', value: '755' },
            { key: 'size', value: '64k' },
          ],
        },
        ...cgroup.folders.map(({ controller, path }): SetupOp => ({
          kind: 'bind',
          source: path,
          subpath: '',
          destination: `${destination}/${controller}`,
          recursive: false,
          changes: { ...noChanges, set: attributes },
        })),
        ...(attributes.includes('ro') ? [{ kind: 'readonly-path', path: destination } as const] : []),
      ];
    case 'none':
      return [];
  }
}
