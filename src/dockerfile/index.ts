export * from './checks/index.ts';
export { heredocAlone, shebangScript, shellScript, type ShellCommand } from './command.ts';
export { isBuiltinSyntax } from './directives.ts';
export { parseDuration } from './duration.ts';
export { excerpt } from './excerpt.ts';
export {
  expandForDisplay,
  expandHeredoc,
  expandWord,
  expandWords,
  type Expanded,
  type ExpandOptions,
} from './expand.ts';
export { isCommitId, readGitOptions } from './git-options.ts';
export { globMatch, hasWildcard } from './glob.ts';
export {
  compileIgnore,
  ignoreRules,
  parseIgnoreFile,
  type IgnoreMatcher,
  type IgnoreRule,
} from './ignore.ts';
export { resolveMount } from './mount.ts';
export { parseDockerfile, parseTrigger, type ParseOptions } from './parse.ts';
export {
  checkGitRemote,
  parseGitContext,
  parseGitSource,
  parseRemoteSource,
  type RemoteFlags,
} from './remote.ts';
export type { Lookup } from './shell-lexer.ts';
export type * from './types.ts';
