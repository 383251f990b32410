export { formatEnvironment, parseEnvironment } from './environment.ts';
export { plan, planAll } from './plan.ts';
export { proxyArgs } from './instructions/arg.ts';
export { scanFolder, scanStep } from './scan.ts';
export { platformArgs } from './platform-args.ts';
export * from './types.ts';
