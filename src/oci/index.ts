export * from './types.ts';
export type * from './runtime-spec.ts';
export { maxConfigBytes, maxManifestBytes, parseBoundedJson } from './bounded-json.ts';
export { isAttestation } from './attestation.ts';
export { chainId, chainIds } from './chain.ts';
export {
  parseDockerArchiveManifest,
  parseImageConfig,
  parseIndex,
  parseManifest,
  parseManifestOrIndex,
  parseRuntimeConfig,
  type ManifestOrIndex,
} from './parse.ts';
export {
  formatPlatform,
  hostPlatform,
  normalizePlatform,
  parsePlatform,
  checkPlatform,
  platformFallbacks,
  platformFits,
  samePlatform,
  selectPlatform,
} from './platform.ts';
export {
  credentialKey,
  defaultRegistry,
  defaultTag,
  familiarName,
  formatReference,
  parseReference,
  registryHost,
  repositoryName,
  withDigest,
  type Reference,
} from './reference.ts';
export type { DockerArchiveImage } from './schemas.ts';
export { hookStages } from './hook-stages.ts';
export { seccompActions, seccompOperators } from './seccomp-words.ts';
export { validateImage, type BlobSource } from './validate.ts';
