export { containerChanges, type FileChange } from './changes.ts';
export { commitContainer, type CommitOptions } from './commit.ts';
export { openContainerSide, openHostSide, type ContainerPath, type OpenSide } from './copy-side.ts';
export { copyFiles, copyFromArchive, copyToArchive, type CopyOptions, type CopyOutcome } from './cp.ts';
export { exportContainer } from './export.ts';
export { addTree, type TreeArchiveOptions } from './tree-archive.ts';
