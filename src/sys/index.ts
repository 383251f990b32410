export * from './open-rootdir.ts';
export * from './paths.ts';
export type { FileStat, FileTime, FileType, RootDir } from './rootdir.ts';
export type { OverlaySource } from './overlay.ts';
