export { annotationsOf, parseAnnotation } from './annotations.ts';
export { checkOutputs, type CheckOptions } from './check.ts';
export { parseEpoch } from './epoch.ts';
export { formOf, type FormWords } from './form.ts';
export { parseOutput } from './parse.ts';
export { shapeOf } from './shape.ts';
export * from './types.ts';
export { writeOutput } from './write.ts';
export type { OutputWork } from './work.ts';
