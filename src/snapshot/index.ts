export {
  applyLayer,
  extractArchive,
  layerDevices,
  type AppliedLayer,
  type ApplyLayerOptions,
  type ExtractOptions,
} from './apply.ts';
export { Breath } from './breath.ts';
export { chainIdOf } from './chain.ts';
export { treeChanges, upperChanges } from './changes.ts';
export { copyFile, copyWholeTree } from './copy-tree.ts';
export { contentDigest } from './content.ts';
export { entryOf, keptXattrs } from './entry.ts';
export { copyingSnapshotter } from './copying.ts';
export { openSnapshotter, type OpenSnapshotterOptions } from './open.ts';
export { digestLine } from './digest-form.ts';
export { storeLayer, type LayerLog, type LayerPlace, type LayerWriter } from './layer-writer.ts';
export { overlaySnapshotter } from './overlay.ts';
export { chunksOf, openFile } from './read-content.ts';
export { packLayer, packSnapshot, type PackOptions } from './pack.ts';
export { isSnapshotId } from './snapshot-id.ts';
export * from './types.ts';
