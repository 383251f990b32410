import type { PlannedMount } from '../../graph/index.ts';
import type { MountConfig } from '../../oci/runtime-spec.ts';
import type { BuildServices, State } from '../types.ts';
import { requireSource, sourceNameOf, sourcePathOf } from './source.ts';

/**
 * A tree of another state, or a path of it, mounted as an overlay of its own inside the container. Read-only ones are
 * the state's layers; `rw` ones have an upper on top of them, which goes with the step. Never part of the layer.
 */
export async function bindMount(
  mount: PlannedMount,
  state: State,
  { services, held }: { readonly services: BuildServices; readonly held: AsyncDisposableStack },
): Promise<{ readonly mount: MountConfig; readonly subpath?: string | undefined }> {
  const path = sourcePathOf(mount);
  await requirePath(mount, state, services);
  return {
    mount: {
      destination: mount.target,
      type: 'overlay',
      source: 'overlay',
      // Device nodes of an image open nothing, here as in its root: where no cgroup holds the rules, the mount must.
      options: [...(await layerOptions(mount, state, { services, held })), 'nodev'],
    },
    subpath: path === '/' ? undefined : path,
  };
}

async function layerOptions(
  mount: PlannedMount,
  state: State,
  { services, held }: { readonly services: BuildServices; readonly held: AsyncDisposableStack },
): Promise<string[]> {
  const { snapshotter } = services;
  if (mount.readonly !== false) return [lowerdir(snapshotter.lowers(state.snapshot)), 'ro'];
  const { overlay } = held.use(await snapshotter.prepare(state.snapshot));
  return [lowerdir(overlay.lowers), `upperdir=${overlay.upper}`, `workdir=${overlay.work}`, 'volatile'];
}

/** As mount(8) has it: a colon or backslash of a name is escaped. */
function lowerdir(folders: readonly string[]): string {
  return `lowerdir=${folders.map((folder) => folder.replaceAll(/[\\:]/g, String.raw`\$&`)).join(':')}`;
}

/** Told here, with what it may have been meant to be; the launcher would only say that there is no such file. */
async function requirePath(mount: PlannedMount, state: State, services: BuildServices): Promise<void> {
  const path = sourcePathOf(mount);
  if (path === '/') return;
  await using view = await services.snapshotter.view(state.snapshot);
  requireSource(view.root, { path, name: sourceNameOf(mount) });
}
