export { claimMounts, type ClaimedMounts } from './claim.ts';
export { inheritMounts } from './inherit.ts';
export { parseMountFlag, parseTmpfsFlag, parseVolumeFlag, refuseSamePlace } from './mount-values.ts';
export { anonymousName, checkVolumeName } from './names.ts';
export { pruneVolumes, removeOwnVolumes, type Pruned } from './prune.ts';
export type * from './requests.ts';
export type * from './types.ts';
export {
  ensureVolume,
  findVolume,
  listVolumes,
  readVolume,
  removeVolume,
  usesVolume,
  volumeData,
  volumeLock,
  type NewVolume,
  type VolumeRecord,
} from './volume-store.ts';
