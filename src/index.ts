// What a program may import from `tsbuild`; a test holds the list.
export { build, type BuildOptions, type BuildResult } from './build.ts';
export {
  errorCodes,
  TsbuildError,
  type BuildEvent,
  type ByteString,
  type Digest,
  type EmitBuildEvent,
  type ErrorCode,
  type InputChange,
  type MissReason,
  type PartChange,
  type SourceExcerpt,
  type SourceRange,
  type StepLabel,
  type StepReport,
  type Usage,
} from './core/index.ts';
export { parseDockerfile } from './dockerfile/index.ts';
export type { Image, Layer } from './image/index.ts';
export type { Platform } from './oci/index.ts';
export type { RunLimits, SecretSource } from './ops/index.ts';
export {
  parseOutput,
  type BuiltImage,
  type BuiltImages,
  type ImageShape,
  type OutgoingForm,
  type OutputSpec,
  type WrittenOutput,
} from './output/index.ts';
export { planBuild, type BuildForecast, type InputRole, type StepForecast } from './plan.ts';
export type { Outlook } from './solver/index.ts';
