import { randomUUID } from 'node:crypto';

import type { BuildPlan } from '../graph/types.ts';
import type { Attestation, Image } from '../image/index.ts';
import type { Snapshot, Snapshotter } from '../snapshot/types.ts';
import type { FetchedSource } from '../source/types.ts';
import { version } from '../sys/index.ts';
import type { AttestedDockerfile } from './build-config.ts';
import { saidOnce, type Memory, type Moments } from './moments.ts';
import { provenanceOf } from './provenance.ts';
import { scansIn } from './scans.ts';
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
  /** What was said of images before, on this machine. */
  readonly memory: Memory;
}

/** One of its images. */
export interface AttestedImage {
  readonly plan: BuildPlan;
  readonly image: Pick<Image, 'id'>;
  /** Undefined for the empty root. */
  readonly snapshot: Snapshot | undefined;
  /** Where a scanner has left what it found, if one was asked for. */
  readonly scan: Snapshot | undefined;
}

/** Says of an image what was asked for; nothing where nothing was. Throws ATTESTATION_FAILED. */
export type Attester = (image: AttestedImage) => Promise<readonly Attestation[]>;

/** An SBOM names its image; so provenance of one platform may differ in its times where it goes out in several shapes. */
export function createAttester(requests: AttestationRequests, build: AttestedBuild): Attester {
  const { epoch, memory } = build;
  const now = momentsOf(build);
  const { provenance, sbom } = requests;
  return async ({ plan, image, snapshot, scan }) => {
    const told = async (say: (moments: Moments) => Attestation): Promise<Attestation> =>
      epoch === undefined ? saidOnce(memory, image.id, { now, say }) : say(now);
    const attestations: Attestation[] = [];
    if (provenance !== undefined)
      attestations.push(await told((moments) => provenanceOf(provenance, { ...build, plan, moments })));
    if (sbom !== undefined && scan !== undefined) {
      await using view = await build.snapshotter.view(scan);
      attestations.push(...scansIn(view.root, sbom));
    } else if (sbom !== undefined) {
      const facts = { name: build.name, id: image.id, tool: `tsbuild-${version()}`, warn: build.warn };
      const say = await sbomOfState(sbom, { snapshot, snapshotter: build.snapshotter }, facts);
      attestations.push(await told(({ finished }) => say(finished)));
    }
    return attestations;
  };
}

function momentsOf({ epoch, started }: Pick<AttestedBuild, 'epoch' | 'started'>): Moments {
  if (epoch === undefined) return { invocation: randomUUID(), started, finished: new Date() };
  const time = new Date(epoch * 1000);
  return { invocation: undefined, started: time, finished: time };
}

async function sbomOfState(
  request: SbomRequest,
  { snapshot, snapshotter }: Pick<AttestedImage, 'snapshot'> & Pick<AttestedBuild, 'snapshotter'>,
  facts: SbomFacts,
): Promise<(created: Date) => Attestation> {
  if (snapshot === undefined) return sbomOf(request, undefined, facts);
  await using view = await snapshotter.view(snapshot);
  return sbomOf(request, view.root, facts);
}
