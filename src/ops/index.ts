export { clearAfterDeaths } from './after-deaths.ts';
export * from './build-history/index.ts';
export { baseLayers } from './base-layers.ts';
export { baseResolver } from './base.ts';
export { StoreCache } from './cache.ts';
export { buildChecks, checkOptionsOf, checkOptionsWithStore, type CheckRequest } from './checks.ts';
export type { BuildContext, ContextModes } from './context.ts';
export * from './doctor/index.ts';
export { openStatCaches, type StatCaches } from './copy/stat-caches.ts';
export { earlyUnpack } from './early-unpack.ts';
export { emulationOf, isNative, requireEmulators } from './emulation.ts';
export { countBaseLayers, finishImage } from './finish.ts';
export { chainContent, stateOfLayers } from './layer-stack.ts';
export { restoredState } from './restored-state.ts';
export {
  buildPlace,
  keepLastBuild,
  lastBuild,
  lastBuilds,
  scopeOf,
  type BuildScope,
  type LastBuild,
} from './last-build.ts';
export { contextEpoch, epochName, withContextTime, withEpoch } from './source-date-epoch.ts';
export { checkSecrets } from './secrets.ts';
export { stepNetworks, type StepNetworks } from './run/networks.ts';
export { sourcesOf } from './sources/fetchers.ts';
export { openSshAgents, type SshAgents } from './ssh-agents.ts';
export { parseSshSource } from './ssh-source.ts';
export type {
  BuildServices,
  LayerState,
  RunLimits,
  SecretSource,
  SettledState,
  SshSource,
  State,
} from './types.ts';
export { verticesOf } from './vertices.ts';
export { prepareContainer, type ContainerOptions } from './container/prepare.ts';
export {
  containerFolder,
  containerLock,
  containerState,
  deleteContainer,
  findContainer,
  hasRecord,
  listContainers,
  renameContainer,
  readState,
  tryContainerLock,
  writeState,
} from './container/records.ts';
export { execProcess, type ExecOptions } from './container/exec.ts';
export * from './container/files/index.ts';
export { signalNumber } from './container/signals.ts';
export { sweepContainers } from './container/sweep.ts';
export { bundleConfig, writeBundle, type BundleConfig } from './container/bundle.ts';
export { connectContainer } from './container/network/connect.ts';
export {
  hostEndpoint,
  parseContainerPort,
  parseExpose,
  portName,
  portsText,
} from './container/network/ports.ts';
export type * from './container/network/types.ts';
export { discardContainer } from './container/discard.ts';
export type { SecurityChoices } from './container/security.ts';
export { keyOfGiven, type GivenToRuns } from './run/given.ts';
export type { DnsChoices } from './run/network-files.ts';
export type { HookChoices } from './container/hooks.ts';
export * from './volumes/index.ts';
export type * from './container/types.ts';
export { healthCheckOf, type LifeChoices } from './container/life-options.ts';
export { hostDecompressor } from './decompress.ts';
export type { ImageServices } from './image.ts';
export { layoutResolver } from './layout.ts';
export { liveItems, rootsOf } from './live.ts';
export {
  openBuildInputs,
  parseBuildContext,
  type BuildInputs,
  type NamedContext,
  type RemoteServices,
  type StandardInput,
} from './contexts/index.ts';
export { imageUse, inspectContainer } from './container/inspect.ts';
export { runtimeState } from './container/state-json.ts';
export type * from './cache-mounts/index.ts';
export type * from './store-care/index.ts';

/** Loaded when asked for: builds do without it. */
export function storeCare() {
  return import('./store-care/index.ts');
}

/** Loaded when asked for, too. */
export function cacheMounts() {
  return import('./cache-mounts/index.ts');
}
