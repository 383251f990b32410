export { baseResolver } from './base.ts';
export { StoreCache } from './cache.ts';
export type { BuildContext } from './context.ts';
export { finishImage } from './finish.ts';
export type { BuildServices, RunLimits, SecretSource, SettledState, State } from './types.ts';
export { verticesOf } from './vertices.ts';
export { parseVolume, prepareContainer, signalNumber, type ContainerOptions } from './container/prepare.ts';
export {
  containerFolder,
  containerState,
  deleteContainer,
  findContainer,
  listContainers,
  tryContainerLock,
  writeState,
} from './container/records.ts';
export type { ContainerRecord, ContainerState } from './container/types.ts';
export { hostDecompressor } from './decompress.ts';
export type { ImageServices } from './image.ts';
export { liveItems } from './live.ts';
export { imageUse, inspectContainer } from './container/inspect.ts';
