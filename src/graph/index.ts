export { formatEnvironment, parseEnvironment } from './environment.ts';
export { plan } from './plan.ts';
export type * from './types.ts';
