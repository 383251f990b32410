export type * from './types.ts';
export { createGitFetcher, type GitFetcherOptions } from './git.ts';
export { createHttpFetcher, type HttpFetcherOptions } from './http.ts';
export { watchSources } from './watch-sources.ts';
