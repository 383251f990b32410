export { openBuildCaches, type BuildCaches, type BuildCachesOptions, type CacheWishes } from './open.ts';
export { parseCacheFrom, parseCacheTo, parseVerifySample } from './spec.ts';
export type * from './types.ts';
