export { imageAnnotations } from './annotations.ts';
export { effectiveArgs, type ArgsOverrides } from './args.ts';
export { chooseCapabilities, requireCapabilities } from './capabilities.ts';
export { parseCgroupMounts } from './cgroup/index.ts';
export { containerConfig, printConfig, type ContainerNetwork, type ContainerRequest } from './config.ts';
export { cdiFolders, deviceEdits, isCdiName, type DeviceEdits, type DeviceRequest } from './cdi/index.ts';
export { deviceSources, type GrantedDevice } from './devices.ts';
export { containerEnv, defaultPath } from './env.ts';
export { allHostDevices, parseDeviceRules, parseDevices } from './host-devices.ts';
export { matchHooks, mergeHooks, readHookFolders, type HookFile } from './hooks/index.ts';
export { runtimeFeatures } from './features.ts';
export type { InsecureOptions } from './insecure.ts';
export { parseLimits, type LimitOptions } from './limits.ts';
export {
  buildHostname,
  buildHosts,
  containerHosts,
  hostGateway,
  hostHosts,
  isResolvedStub,
  parseAddHost,
  resolvConf,
  resolvedConf,
  type HostEntry,
} from './resolv.ts';
export * from './seccomp/index.ts';
export {
  apparmorProfile,
  askedLabels,
  parseSecurityOptions,
  requireSecurity,
  type SecurityOptions,
} from './security.ts';
export { securityModules, type SecurityModule } from './security-modules.ts';
export { selinuxLabels, type SelinuxLabels } from './selinux.ts';
export { parseSysctls } from './sysctl.ts';
export { resolveGroups, resolveOwner, resolveUser, type Owner, type ResolvedUser } from './user.ts';
export { chooseIsolation, isolations, type ChosenIsolation, type Isolation } from './isolation.ts';
export { namespaceHint } from './plan/chroot.ts';
export { ownCapabilities } from './own-capabilities.ts';
export { removeCreatedPoints } from './created-points.ts';
export * from './defaults.ts';
export { killedForMemory, memoryLimitText } from './out-of-memory.ts';
export { encodeRequest } from './plan/encode.ts';
export type { HostFacts } from './plan/host.ts';
export type { SetupOp } from './plan/ops.ts';
export { planSetup } from './plan/plan.ts';
export { exitCodeOf, runContainer, type RunOptions, type RunResult } from './run.ts';
export {
  containerUsage,
  createRuntime,
  discardCgroups,
  discardCgroupsOf,
  type RuntimeOptions,
} from './runtime.ts';
export { execInContainer, startTicksOf, type ExecRequest, type RunningProcess } from './exec.ts';
export { planExec, type ExecTarget } from './plan/exec.ts';
export { parseBytes, parseShmSize } from './sizes.ts';
export { ensureStubs, type StubTarget } from './stubs.ts';
export type * from './types.ts';
export { parseUlimits, type Rlimit } from './ulimits.ts';
