export { effectiveArgs, type ArgsOverrides } from './args.ts';
export { containerConfig, printConfig, type ContainerRequest } from './config.ts';
export { containerEnv, defaultPath } from './env.ts';
export {
  parseBytes,
  parseLimits,
  parseShmSize,
  parseUlimits,
  type LimitOptions,
  type Rlimit,
} from './limits.ts';
export {
  buildHostname,
  buildHosts,
  containerHosts,
  hostHosts,
  isResolvedStub,
  parseAddHost,
  resolvConf,
  resolvedConf,
  type HostEntry,
} from './resolv.ts';
export * from './seccomp/index.ts';
export { resolveOwner, resolveUser, type Owner, type ResolvedUser } from './user.ts';
