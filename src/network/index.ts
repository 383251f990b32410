export { openNetwork, sweepNetworks } from './choose.ts';
export { networkFolder, unavailableError, type OpenNetworkOptions } from './open.ts';
export { stepPool, type StepNetwork, type StepPool, type StepPoolOptions } from './pool.ts';
export { loopbackProxyHint } from './proxy-hint.ts';
export { parsePublish } from './publish/parse.ts';
export type {
  AttachedNetwork,
  AttachOptions,
  BoundPort,
  Network,
  NetworkKind,
  OpenedNetwork,
  PortRange,
  Protocol,
  PublishedPort,
  Unavailable,
} from './types.ts';
