export { openStore } from './open.ts';
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
