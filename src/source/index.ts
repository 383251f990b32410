export type * from './types.ts';
export { createHttpFetcher, type HttpFetcherOptions } from './http.ts';
