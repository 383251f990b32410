import { TsbuildError } from '../core/index.ts';
import type { ImageServices } from './image.ts';
import { stateOfLayers } from './layer-stack.ts';
import type { SettledState } from './types.ts';

/**
 * A state that a record tells of, and of which a power loss may have taken anything, or which came from another machine
 * before it was on its disk: the layers are read and checked, and its files are made of them anew, since nothing says
 * what files should hold. Undefined where a layer is lost, or where there are files that are in no layer.
 */
export async function restoredState(
  state: SettledState,
  { store, snapshotter, lease, signal }: ImageServices & { readonly signal: AbortSignal },
): Promise<SettledState | undefined> {
  const { layers } = state;
  if (layers.length === 0) return state.snapshot === undefined ? state : undefined;
  for (const { descriptor } of layers) {
    signal.throwIfAborted();
    await lease.keep({ blob: descriptor.digest });
    const found = await store.blobs.stat(descriptor.digest);
    if (found?.size !== descriptor.size || !(await store.blobs.isIntact(descriptor.digest))) return undefined;
  }
  try {
    const name = 'what was built before';
    const { snapshot } = await stateOfLayers(layers, { store, snapshotter, lease }, { name, signal });
    return { ...state, snapshot };
  } catch (error) {
    if (error instanceof TsbuildError && isOfLayers(error)) return undefined;
    throw error;
  }
}

/** A full disk, say, is the build's to tell. */
function isOfLayers({ code }: TsbuildError): boolean {
  return ['DIGEST_MISMATCH', 'BLOB_NOT_FOUND', 'ARCHIVE_INVALID', 'ARCHIVE_LIMIT'].includes(code);
}
