import * as z from 'zod';

/** By algorithm, whose hex digits have one length (in-toto/attestation, spec/v1/digest_set.md). */
const digest = z.strictObject({
  sha1: z
    .string()
    .regex(/^[0-9a-f]{40}$/)
    .optional(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  sha512: z
    .string()
    .regex(/^[0-9a-f]{128}$/)
    .optional(),
});
const material = z.strictObject({ uri: z.string().min(1), digest });
const ids = z.array(z.strictObject({ id: z.string() })).optional();
const time = z.iso.datetime();

const request = z.strictObject({
  frontend: z.literal('dockerfile.v0'),
  args: z.record(z.string(), z.string()),
  secrets: ids,
  ssh: ids,
  locals: z.array(z.strictObject({ name: z.string() })).optional(),
});
const buildConfig = z
  .strictObject({
    steps: z.array(
      z.looseObject({ id: z.string(), inputs: z.array(z.string()), op: z.looseObject({ kind: z.string() }) }),
    ),
  })
  .optional();
const source = z
  .strictObject({ filename: z.string(), language: z.string(), digest, data: z.string() })
  .optional();

/** https://slsa.dev/spec/v1.1/provenance, with the members that tsbuild adds. */
export const slsa1 = z.strictObject({
  buildDefinition: z.strictObject({
    buildType: z.literal('urn:tsbuild:dockerfile-build:1'),
    externalParameters: z.strictObject({
      configSource: z.strictObject({
        uri: z.string().optional(),
        digest: digest.optional(),
        path: z.string().optional(),
      }),
      request,
    }),
    internalParameters: z.strictObject({
      builderPlatform: z.string(),
      compatibilityVersion: z.int(),
      buildConfig,
    }),
    resolvedDependencies: z.array(material),
  }),
  runDetails: z.strictObject({
    builder: z.strictObject({ id: z.url() }),
    metadata: z.strictObject({
      invocationId: z.string().optional(),
      startedOn: time,
      finishedOn: time,
      tsbuild_reproducible: z.boolean(),
      tsbuild_hermetic: z.boolean(),
      tsbuild_completeness: z.strictObject({ request: z.boolean(), resolvedDependencies: z.boolean() }),
      tsbuild_source: source,
    }),
  }),
});

/** https://slsa.dev/spec/v0.2/provenance */
export const slsa02 = z.strictObject({
  builder: z.strictObject({ id: z.url() }),
  buildType: z.literal('urn:tsbuild:dockerfile-build:1'),
  materials: z.array(material),
  invocation: z.strictObject({
    configSource: z.strictObject({
      uri: z.string().optional(),
      digest: digest.optional(),
      entryPoint: z.string().optional(),
    }),
    parameters: request,
    environment: z.strictObject({ platform: z.string(), compatibilityVersion: z.int() }),
  }),
  buildConfig,
  metadata: z.looseObject({
    buildInvocationID: z.string().optional(),
    buildStartedOn: time,
    buildFinishedOn: time,
    completeness: z.strictObject({
      parameters: z.boolean(),
      environment: z.boolean(),
      materials: z.boolean(),
    }),
    reproducible: z.boolean(),
  }),
});
