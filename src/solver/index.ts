export { cacheKey, inputKeys, partsDigest } from './keys.ts';
export { solve, type SolveOptions } from './solve.ts';
export type * from './types.ts';
