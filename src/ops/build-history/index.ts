export { findBuild, pastBuilds, readStepLog, type FoundBuild } from './find.ts';
export { historyEntries, historyFolder, isRunning, pruneHistory, removeEntries } from './folder.ts';
export { keepHistory, type KeptHistory } from './keep.ts';
export { defaultHistoryLimits, type HistoryLimits, type PastBuild, type PastStep } from './types.ts';
