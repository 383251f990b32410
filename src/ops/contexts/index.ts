export { parseBuildContext } from './named.ts';
export { openBuildInputs, openFolder } from './open.ts';
export type { BuildInputs, InputOptions, NamedContext, RemoteServices, StandardInput } from './types.ts';
