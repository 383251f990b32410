export { seekableAnnotations, seekableKindOf } from './annotations.ts';
export { packSeekable } from './pack.ts';
export type { SeekableFacts, SeekableForm, SeekableKind, SeekableLayer } from './types.ts';
