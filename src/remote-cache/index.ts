export { openBuildCaches, type BuildCaches, type BuildCachesOptions, type CacheWishes } from './open.ts';
export { parseCacheFrom, parseCacheRepo, parseCacheTo, parseVerifySample } from './spec.ts';
export type * from './types.ts';
