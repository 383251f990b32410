export { collectGarbage, type CollectOptions } from './collect.ts';
export type { LeasedItem } from './leases.ts';
export { layoutIndex } from './layout-index.ts';
export { openStore, storeExists } from './open.ts';
export type { Collected } from './trash.ts';
export type {
  BlobStore,
  ImageRecord,
  ImageRecordStore,
  Lease,
  Lock,
  RecordCollection,
  RecordStore,
  Ref,
  RefStore,
  Store,
} from './types.ts';
