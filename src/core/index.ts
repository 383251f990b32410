export * from './assert.ts';
export * from './bytes.ts';
export * from './digest.ts';
export * from './errors.ts';
export * from './events.ts';
export * from './json.ts';
export * from './nearest.ts';
export * from './source.ts';
