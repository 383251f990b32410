import type { BuildPlan } from '../graph/types.ts';
import type { Attestation, Image } from '../image/index.ts';
import type { Snapshot, Snapshotter } from '../snapshot/types.ts';
import type { FetchedSource } from '../source/types.ts';
import { version } from '../sys/index.ts';
import type { AttestedDockerfile } from './build-config.ts';
import { provenanceOf } from './provenance.ts';
import { sbomOf, type SbomFacts } from './sbom.ts';
import type { AttestationRequests, BuildParameters, SbomRequest } from './types.ts';

/** A build whose steps are done. */
export interface AttestedBuild {
  readonly parameters: BuildParameters;
  readonly dockerfile: AttestedDockerfile;
  readonly fetched: readonly FetchedSource[];
  readonly started: Date;
  /** SOURCE_DATE_EPOCH in seconds: with it the same build says the same. */
  readonly epoch?: number | undefined;
  /** What the image is called, for people. */
  readonly name: string;
  readonly snapshotter: Pick<Snapshotter, 'view'>;
  readonly warn: (message: string) => void;
}

/** One of its images. */
export interface AttestedImage {
  readonly plan: BuildPlan;
  readonly image: Pick<Image, 'id'>;
  /** Undefined for the empty root. */
  readonly snapshot: Snapshot | undefined;
}

/** Says of an image what was asked for; nothing where nothing was. Throws ATTESTATION_FAILED. */
export type Attester = (image: AttestedImage) => Promise<readonly Attestation[]>;

/** Provenance is one for each platform, in however many shapes its image goes out; an SBOM names its image. */
export function createAttester(requests: AttestationRequests, build: AttestedBuild): Attester {
  const finished = new Date();
  const provenances = new Map<BuildPlan, Attestation>();
  const { provenance, sbom } = requests;
  return async ({ plan, image, snapshot }) => {
    const attestations: Attestation[] = [];
    if (provenance !== undefined) {
      const made = provenances.get(plan) ?? provenanceOf(provenance, { ...build, plan, finished });
      provenances.set(plan, made);
      attestations.push(made);
    }
    if (sbom !== undefined) {
      const created = build.epoch === undefined ? finished : new Date(build.epoch * 1000);
      const tool = `tsbuild-${version()}`;
      const facts = { name: build.name, id: image.id, created, tool, warn: build.warn };
      attestations.push(await sbomOfState(sbom, { snapshot, snapshotter: build.snapshotter }, facts));
    }
    return attestations;
  };
}

async function sbomOfState(
  request: SbomRequest,
  { snapshot, snapshotter }: Pick<AttestedImage, 'snapshot'> & Pick<AttestedBuild, 'snapshotter'>,
  facts: SbomFacts,
): Promise<Attestation> {
  if (snapshot === undefined) return sbomOf(request, undefined, facts);
  await using view = await snapshotter.view(snapshot);
  return sbomOf(request, view.root, facts);
}
