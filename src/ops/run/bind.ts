import type { PlannedMount } from '../../graph/index.ts';
import type { MountConfig } from '../../oci/runtime-spec.ts';
import type { BuildServices, State } from '../types.ts';
import { requireSource, sourceNameOf, sourcePathOf } from './source.ts';

export interface BoundMount {
  readonly mount: MountConfig;
  /** Absolute inside its source. */
  readonly subpath: string;
  readonly kind: 'file' | 'directory';
}

/**
 * A tree of another state, or a path of it, mounted as an overlay of its own inside the container. Read-only ones are
 * the state's layers; `rw` ones have an upper on top of them, which goes with the step. Never part of the layer.
 */
export async function bindMount(
  mount: PlannedMount,
  state: State,
  { services, held }: { readonly services: BuildServices; readonly held: AsyncDisposableStack },
): Promise<BoundMount> {
  const path = sourcePathOf(mount);
  const kind = await kindOf(mount, state, services);
  // Device nodes of an image open nothing, here as in its root: where no cgroup holds the rules, the mount must.
  const config = await mountOf(mount, state, { services, held });
  return { mount: { ...config, options: [...(config.options ?? []), 'nodev'] }, subpath: path, kind };
}

async function mountOf(
  mount: PlannedMount,
  state: State,
  { services, held }: { readonly services: BuildServices; readonly held: AsyncDisposableStack },
): Promise<MountConfig> {
  const { snapshotter } = services;
  const destination = mount.target;
  const overlay = { destination, type: 'overlay', source: 'overlay' };
  if (mount.readonly !== false) {
    return { ...overlay, options: [lowerdir(snapshotter.lowers(state.snapshot)), 'ro'] };
  }
  const { source } = held.use(await snapshotter.prepare(state.snapshot));
  if (source.kind === 'folder') {
    return { destination, type: 'bind', source: source.path, options: ['bind'] };
  }
  const { lowers, upper, work } = source.overlay;
  return {
    ...overlay,
    options: [lowerdir(lowers), `upperdir=${upper}`, `workdir=${work}`, 'volatile'],
  };
}

/** As mount(8) has it: a colon or backslash of a name is escaped. */
function lowerdir(folders: readonly string[]): string {
  return `lowerdir=${folders.map((folder) => folder.replaceAll(/[\\:]/g, String.raw`\$&`)).join(':')}`;
}

/** A source that is missing is told here; the launcher would only say that there is no such file. */
async function kindOf(
  mount: PlannedMount,
  state: State,
  services: BuildServices,
): Promise<BoundMount['kind']> {
  const path = sourcePathOf(mount);
  if (path === '/') return 'directory';
  await using view = await services.snapshotter.view(state.snapshot);
  const { type } = requireSource(view.root, { path, name: sourceNameOf(mount) });
  return type === 'directory' ? 'directory' : 'file';
}
