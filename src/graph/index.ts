export { formatEnvironment, parseEnvironment } from './environment.ts';
export { plan } from './plan.ts';
export { platformArgs } from './platform-args.ts';
export * from './types.ts';
