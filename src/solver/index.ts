export { assess, type Assessment, type AssessOptions, type Outlook } from './assess.ts';
export type { PartChange, PartPath } from './differences.ts';
export { cacheKey, inputKeys, partsDigest } from './keys.ts';
export type { InputChange, MissReason } from './miss.ts';
export { solve, type SolveOptions } from './solve.ts';
export type * from './types.ts';
