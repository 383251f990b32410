export { formatLock, lockChanges, lockEntries, ruleOfPin, type LockChange, type Pin } from './lock.ts';
export { parseSourcePolicy, readSourcePolicy } from './read.ts';
export { pinnedRules, sourceRules } from './rules.ts';
export type * from './types.ts';
export {
  notedRules,
  openSourceRules,
  readLock,
  type NotedSource,
  type OpenedRules,
  type RuleFiles,
} from './open.ts';
