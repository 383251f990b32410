import { TsbuildError } from '../core/index.ts';
import type { SnapshotFolder } from './folder.ts';
import type { SnapshotId } from './types.ts';

/** OVL_MAX_STACK of the kernel's overlayfs, 500, less the layer of mount points that a container has below all. */
const mostLowers = 499;

/** The directories of a chain, top first. Throws HOST_UNSUPPORTED for more than the kernel can stack. */
export function lowersOfChain(folder: SnapshotFolder, chain: readonly SnapshotId[]): readonly string[] {
  if (chain.length > mostLowers) {
    const message = `${chain.length} layers are too many: the kernel's overlay file system stacks at most ${mostLowers}`;
    throw new TsbuildError('HOST_UNSUPPORTED', message, {
      hint: 'join RUN instructions with && or in a heredoc, or COPY --from=… what counts into a new stage',
    });
  }
  return chain.map((id) => folder.fs(id)).reverse();
}
