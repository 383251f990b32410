export { readHookFolders } from './folder.ts';
export { matchHooks, type HookSubject } from './match.ts';
export { mergeHooks } from './merge.ts';
export type { HookFile } from './schema.ts';
