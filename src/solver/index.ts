export { assess, assessAll, type Assessment, type AssessOptions, type Outlook } from './assess.ts';
export { differences } from './differences.ts';
export { defaultJobs } from './job-slots.ts';
export { cacheKey, inputKeys, partsDigest } from './keys.ts';
export { inputsFirst } from './order.ts';
export { solve, solveAll, type SolveOptions } from './solve.ts';
export type * from './types.ts';
