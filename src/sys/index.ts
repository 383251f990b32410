export { createAsideDigester, type AsideDigester } from './aside-digester.ts';
export { copySmallFiles, type SmallCopies, type SmallCopy } from './copy-batch.ts';
export { copyContent, reflink, syncFileSystem } from './copy.ts';
export { registerOwnEmulators, tryEmulation, type Emulation } from './emulation.ts';
export { errno, errnoError } from './errno.ts';
export { fileClock, type FolderEntries } from './folder-entries.ts';
export { homeFolder } from './home-folder.ts';
export { mostBatchBytes, type ListedName } from './hash-batch.ts';
export { closeInheritedOnExec } from './inherited.ts';
export { flock, isUnlocked, overwriteFile, tryFlock, type Flock, type FlockOptions } from './lock.ts';
export { removeDeadLocks, takeLock, tryTakeLock, type LinkedLock, type WaitOptions } from './linked-lock.ts';
export { makeFolder } from './make-folder.ts';
export { namesIn } from './names-in.ts';
export { readBounded } from './read-bounded.ts';
export { randomBelow, randomHex } from './random.ts';
export { readAhead } from './read-ahead.ts';
export { removeFile } from './remove-file.ts';
export { statOfDescriptor } from './name-calls.ts';
export { openRootDir, rootDirOf, rootDirOfMount } from './open-rootdir.ts';
export { removeOutputFile, writeOutputFile, writeSmallFile, writeTo } from './output-file.ts';
export {
  mountOverlay,
  mountOverlayView,
  overlayOptions,
  overlayXattrPrefix,
  type OverlaySource,
} from './overlay.ts';
export {
  bindInNamespace,
  newNetworkNamespace,
  openNetlinkSocket,
  socketInNamespace,
  type NetlinkSocket,
  type NetworkNamespace,
} from './network.ts';
export { deflatePiece, deflateRoom, type DeflatePiece } from './deflate.ts';
export { nativePath, packageRoot } from './paths.ts';
export { version } from './version.ts';
export { openPidfd, signalPidfd } from './pidfd.ts';
export {
  diskSpace,
  kernelCalls,
  kernelCallState,
  takesLowersSingly,
  tryUserNamespace,
  type DiskSpace,
  type KernelCall,
  type UserNamespaceStep,
} from './probe.ts';
export { plainOutput } from './terminal.ts';
export { filterThrough, runTool, type ToolOptions, type ToolResult } from './process.ts';
export { nativeSha256 } from './sha256.ts';
export { runtimeFolder } from './runtime-folder.ts';
export { makeScratchFolder } from './scratch-folder.ts';
export type { FileStat, FileTime, FileType, RootDir } from './rootdir.ts';
export { readonlyRootDir } from './readonly-rootdir.ts';
export { startSettler } from './settler.ts';
export {
  startLauncher,
  type Launcher,
  type LauncherEnd,
  type LauncherOutput,
  type LauncherStreams,
} from './launcher.ts';
export {
  closeOnExec,
  enterNewNamespaces,
  inUserNamespace,
  joinNamespaces,
  keepOpen,
  mayMount,
  openNamespaces,
  ownIdMap,
  selfMapper,
  type WantedMaps,
} from './user-namespace.ts';
export { zstdFrame, zstdRoom } from './zstd.ts';
