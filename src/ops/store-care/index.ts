export { fsck, type FsckResult } from './fsck/index.ts';
export type { DiskReport, DuEntry, DuRow } from './report.ts';
export { duOf } from './usage.ts';
export { prune, type PruneOptions, type PruneResult } from './prune.ts';
export { parsePruneFilters, type PruneFilter } from './prune-filter.ts';
export { cacheTypes, type CacheType } from './step-text.ts';
