export { baseImagesOf, type BaseImageName } from './base-images.ts';
export { checkDockerfile, checkFailure, checkNotes } from './check.ts';
export { outlineOf, type Outline, type OutlineArg, type OutlineMount } from './outline.ts';
export { checkRules, ruleUrl, type CheckRule } from './rule-table.ts';
export type { SettingsNote } from './settings.ts';
export { targetsOf, type Target } from './targets.ts';
export type { BaseFacts, CheckFinding, CheckOptions, ContextIgnore, PlatformFacts } from './types.ts';
