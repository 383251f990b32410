import { compatibilityVersion, isJsonObject, type Json, type JsonObject } from '../core/index.ts';
import type { BuildPlan, Step } from '../graph/types.ts';
import type { Attestation } from '../image/index.ts';
import { formatPlatform, hostPlatform } from '../oci/index.ts';
import type { FetchedSource } from '../source/types.ts';
import { buildConfigOf, contextsRead, type AttestedDockerfile } from './build-config.ts';
import { materialsOf, stepsOf } from './materials.ts';
import { configSourceOf, parametersOf, requestJson } from './parameters.ts';
import type { Moments } from './moments.ts';
import type { BuildParameters, Material, ProvenanceRequest } from './types.ts';
import { withoutCredentialsInside } from './urls.ts';

/** A finished build, as provenance tells of it. */
export interface BuildFacts {
  readonly parameters: BuildParameters;
  readonly plan: Pick<BuildPlan, 'target' | 'platform'>;
  readonly dockerfile: AttestedDockerfile;
  readonly fetched: readonly FetchedSource[];
  readonly moments: Moments;
}

/** Where nobody says who built: validators refuse an id that is missing or empty. */
const unnamedBuilder = 'urn:tsbuild:unnamed-builder';
/** Names how parameters are to be read: docs/attestations.md. */
const buildType = 'urn:tsbuild:dockerfile-build:1';

/** SLSA provenance of a build. */
export function provenanceOf(request: ProvenanceRequest, facts: BuildFacts): Attestation {
  const { version, filename } = request;
  const told = tell(request, facts);
  const predicate = version === 'v1' ? predicateV1(told, request) : predicateV02(told, request);
  return {
    predicateType: version === 'v1' ? 'https://slsa.dev/provenance/v1' : 'https://slsa.dev/provenance/v0.2',
    predicate: withoutCredentialsInside(predicate),
    filename,
  };
}

/** What both versions say, in words of neither. */
interface Told {
  readonly config: ReturnType<typeof configSourceOf>;
  readonly request: JsonObject;
  readonly materials: readonly Material[];
  readonly platform: string;
  readonly id: string | undefined;
  readonly started: string;
  readonly finished: string;
  readonly completeRequest: boolean;
  readonly completeMaterials: boolean;
  readonly hermetic: boolean;
  readonly steps: readonly JsonObject[] | undefined;
  readonly source: JsonObject | undefined;
}

function tell({ mode }: ProvenanceRequest, facts: BuildFacts): Told {
  const { parameters, plan, fetched, moments } = facts;
  const steps = stepsOf(plan);
  const config = configSourceOf(parameters, fetched);
  const read = contextsRead(steps);
  // What came from a repository or URL is a material, and no folder of the host.
  const locals = [...read].filter((name) => name !== 'context' || config.material === undefined).sort();
  const dockerfile = config.material === undefined ? ['dockerfile'] : [];
  const request = parametersOf(parameters, { mode, locals: [...locals, ...dockerfile] });
  const networked = steps.some(({ op }) => op.kind === 'run' && op.network !== 'none');
  const given = givenToRuns(steps);
  const completeMaterials = locals.length === 0 && !ofMachine.some((name) => given.has(name));
  const { steps: configSteps, source } =
    mode === 'max' ? buildConfigOf(steps, facts.dockerfile) : { steps: undefined, source: undefined };
  return {
    config,
    request: requestJson(request),
    materials: materialsOf(steps, fetched),
    platform: formatPlatform(hostPlatform()),
    id: moments.invocation,
    started: moments.started.toISOString(),
    finished: moments.finished.toISOString(),
    // What flags give to RUN steps has paths of this machine, and BuildKit no names for it: it is not told.
    completeRequest: request.complete && given.size === 0,
    completeMaterials,
    hermetic: completeMaterials && !networked,
    steps: configSteps,
    source,
  };
}

/** Of what flags give to RUN steps that which brings in files or programs of this machine. */
const ofMachine = ['volumes', 'devices', 'cdiDevices', 'hooks', 'cdiHooks'] as const;

function givenToRuns(steps: readonly Step[]): ReadonlySet<string> {
  const given = steps.flatMap(({ op }) => (op.kind === 'run' ? [op.given] : []));
  return new Set(given.flatMap((each) => (isJsonObject(each) ? Object.keys(each) : [])));
}

/** https://slsa.dev/spec/v1.1/provenance; members of our own begin with `tsbuild_`, as it demands. */
function predicateV1(told: Told, { builderId, reproducible }: ProvenanceRequest): Json {
  const { config, materials } = told;
  return {
    buildDefinition: {
      buildType,
      externalParameters: {
        configSource: { ...materialJson(config.material), path: filled(config.path) },
        request: told.request,
      },
      internalParameters: {
        builderPlatform: told.platform,
        compatibilityVersion,
        buildConfig: told.steps === undefined ? undefined : { steps: told.steps },
      },
      resolvedDependencies: materials.map(materialJson),
    },
    runDetails: {
      builder: { id: builderId || unnamedBuilder },
      metadata: {
        invocationId: told.id,
        startedOn: told.started,
        finishedOn: told.finished,
        tsbuild_reproducible: reproducible,
        tsbuild_hermetic: told.hermetic,
        tsbuild_completeness: {
          request: told.completeRequest,
          resolvedDependencies: told.completeMaterials,
        },
        tsbuild_source: told.source,
      },
    },
  };
}

/** https://slsa.dev/spec/v0.2/provenance */
function predicateV02(told: Told, { builderId, reproducible }: ProvenanceRequest): Json {
  const { config, materials, request } = told;
  return {
    builder: { id: builderId || unnamedBuilder },
    buildType,
    materials: materials.map(materialJson),
    invocation: {
      configSource: { ...materialJson(config.material), entryPoint: filled(config.path) },
      parameters: request,
      environment: { platform: told.platform, compatibilityVersion },
    },
    buildConfig: told.steps === undefined ? undefined : { steps: told.steps },
    metadata: {
      buildInvocationID: told.id,
      buildStartedOn: told.started,
      buildFinishedOn: told.finished,
      completeness: {
        parameters: told.completeRequest,
        environment: true,
        materials: told.completeMaterials,
      },
      reproducible,
      [`${buildType}#hermetic`]: told.hermetic,
      [`${buildType}#source`]: told.source,
    },
  };
}

function materialJson(material: Material | undefined): JsonObject {
  return material === undefined ? {} : { uri: material.uri, digest: material.digest };
}

function filled(text: string): string | undefined {
  return text === '' ? undefined : text;
}
