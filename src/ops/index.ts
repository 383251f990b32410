export { baseResolver } from './base.ts';
export { StoreCache } from './cache.ts';
export type { BuildContext } from './context.ts';
export { finishImage } from './finish.ts';
export type { BuildServices, RunLimits, SecretSource, SettledState, State } from './types.ts';
export { verticesOf } from './vertices.ts';
