import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { applyLayer, type ApplyLayerOptions } from '../../src/snapshot/apply.ts';
import { mountOverlay, openRootDir, rootDirOf } from '../../src/sys/index.ts';
import { streamOf } from './make-tar.ts';
import { treeOfFolder, type TreeEntry, type TreeOptions } from './tree.ts';

export interface LayeredOptions extends TreeOptions, Partial<ApplyLayerOptions> {
  /** Called with a host path of the merged tree before the last layer is applied. */
  readonly before?: (merged: string) => void;
}

/**
 * Applies layers one above the other, each onto a real overlay of those below, and reads the merged tree of all.
 * `folder` must be empty.
 */
export async function treeOfLayers(
  folder: string,
  layers: readonly Uint8Array[],
  { times, before, ...options }: LayeredOptions = {},
): Promise<TreeEntry[]> {
  const uppers: string[] = [];
  const make = (name: string): string => {
    const path = join(folder, name);
    mkdirSync(path);
    return path;
  };
  for (const [index, layer] of layers.entries()) {
    const upper = make(`upper${index}`);
    const isLast = index === layers.length - 1;
    if (uppers.length === 0) {
      using root = openRootDir(upper);
      if (isLast) before?.(upper);
      await applyLayer(streamOf(layer), root, { devices: 'create', ...options });
    } else {
      using root = rootDirOf(mountOverlay({ lowers: uppers, upper, work: make(`work${index}`) }));
      if (isLast) before?.(hostPath(root.fd));
      await applyLayer(streamOf(layer), root, { devices: 'create', ...options });
    }
    uppers.unshift(upper);
  }
  using view = rootDirOf(mountOverlay({ lowers: uppers, upper: make('upper'), work: make('work') }));
  return await treeOfFolder(hostPath(view.fd), { times: times ?? false });
}

/** A path of a descriptor that other processes can use too. */
function hostPath(fd: number): string {
  return `/proc/${process.pid}/fd/${fd}/`;
}
