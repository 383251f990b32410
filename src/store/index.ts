export { readIfThere } from './files.ts';
export { collectGarbage, type CollectOptions } from './collect.ts';
export { DiskMeter, type DiskUse } from './disk-use.ts';
export { storePaths, type StorePaths } from './format.ts';
export { isRecordIntact, liveLeases, removeEmptyFolders, removeLocksOfTheDead } from './held.ts';
export type { LeasedItem, LiveLeases } from './leases.ts';
export { layoutIndex } from './layout-index.ts';
export { openStore, storeExists } from './open.ts';
export { isFileOf } from './ref-slots.ts';
export { listItems, type Collected, type StoredItem } from './trash.ts';
export type {
  BlobStore,
  FoundRecord,
  ImageRecord,
  ImageRecordStore,
  KeptAttestation,
  Lease,
  Lock,
  RecordCollection,
  RecordStat,
  RecordStore,
  Ref,
  RefStore,
  Store,
} from './types.ts';
