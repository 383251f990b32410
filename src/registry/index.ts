export { lookUpImage } from './look-up.ts';
export type { FoundImage, LookUpOptions } from './look-up.ts';
export { pullImage } from './pull.ts';
export type { PulledImage, PullOptions } from './pull.ts';
export type { PullProgress } from './transfer.ts';
export { createRegistryClient } from './client.ts';
export type { ClientOptions, FetchedManifest, RegistryClient } from './client.ts';
export { defaultRetryPolicy } from '../http/index.ts';
export type { RetryPolicy } from '../http/index.ts';
