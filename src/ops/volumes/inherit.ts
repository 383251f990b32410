import { TsbuildError } from '../../core/index.ts';
import type { MountConfig } from '../../oci/runtime-spec.ts';
import type { Store } from '../../store/index.ts';
import { containerFolder, findContainer } from '../container/records.ts';
import type { ContainerRecord } from '../container/types.ts';
import type { BindPropagation, MountRequest } from './requests.ts';

/**
 * `--volumes-from CONTAINER[:ro|rw]`: the volumes and binds of other containers; at one place the last counts, and what
 * the container asks for itself before them. Throws CONTAINER_NOT_FOUND, USAGE.
 */
export function inheritMounts(
  store: Store,
  texts: readonly string[],
  own: readonly MountRequest[],
): readonly MountRequest[] {
  const all = new Map<string, MountRequest>();
  for (const text of texts) for (const mount of mountsOf(store, text)) all.set(mount.destination, mount);
  for (const mount of own) all.set(mount.destination, mount);
  return [...all.values()];
}

function mountsOf(store: Store, text: string): readonly MountRequest[] {
  const [name = '', mode = 'rw', ...rest] = text.split(':');
  if (name === '' || (mode !== 'ro' && mode !== 'rw') || rest.length > 0) {
    throw new TsbuildError('USAGE', `--volumes-from: invalid value ${JSON.stringify(text)}`, {
      hint: 'expected container[:ro]',
    });
  }
  const record = findContainer(store, name);
  return [...volumesOf(record), ...bindsOf(store, record)].map((mount) => ({
    ...mount,
    readOnly: mount.readOnly || mode === 'ro',
  }));
}

type Inherited = Exclude<MountRequest, { readonly kind: 'tmpfs' }>;

function volumesOf({ volumes = [] }: ContainerRecord): readonly Inherited[] {
  return volumes.map(({ name, destination, readOnly, subpath }) => ({
    kind: 'volume',
    name,
    destination,
    readOnly,
    noCopy: true,
    subpath,
  }));
}

/** But for those of volumes and the container's own files. */
function bindsOf(store: Store, { id, spec, volumes = [] }: ContainerRecord): readonly Inherited[] {
  const folder = `${containerFolder(store, id)}/`;
  const ofVolumes = new Set(volumes.map(({ destination }) => destination));
  return spec.config.mounts.flatMap((mount) => {
    const { destination, type, source } = mount;
    if (type !== 'bind' || source === undefined || source.startsWith(folder)) return [];
    return ofVolumes.has(destination) ? [] : [bindOf(mount, source)];
  });
}

function bindOf({ destination, options = [] }: MountConfig, source: string): Inherited {
  const propagation = options.find(
    (word): word is BindPropagation => word === 'private' || word === 'slave' || word === 'rslave',
  );
  return {
    kind: 'bind',
    source,
    destination,
    readOnly: options.includes('ro'),
    createSource: true,
    recursive: options.includes('rbind'),
    propagation: propagation ?? 'rprivate',
  };
}
