export { deviceEdits, type DeviceEdits } from './edits.ts';
export type { DeviceRequest } from './find.ts';
export { isCdiName } from './kind.ts';
export { cdiFolders } from './registry.ts';
