import { digestParts } from '../core/index.ts';
import type { BuildPlan, Step } from '../graph/types.ts';
import { imageUrl } from '../image/index.ts';
import { formatPlatform, type Platform } from '../oci/index.ts';
import type { FetchedSource } from '../source/types.ts';
import type { Material } from './types.ts';
import { withoutCredentials, withoutQueryValues } from './urls.ts';

/** All steps of a plan, each once, what a step takes before the step. */
export function stepsOf({ target }: Pick<BuildPlan, 'target'>): readonly Step[] {
  const seen = new Set<Step>();
  const visit = (step: Step): void => {
    if (seen.has(step)) return;
    step.inputs.forEach(visit);
    seen.add(step);
  };
  visit(target);
  return [...seen];
}

/** Everything from elsewhere that the build used, with its digest: base images, commits, downloads. */
export function materialsOf(steps: readonly Step[], fetched: readonly FetchedSource[]): readonly Material[] {
  const images = steps.flatMap(({ op }) =>
    op.kind === 'image' ? [imageMaterial(op.base, op.platform)] : [],
  );
  const all = [...images, ...fetched.map(fetchedMaterial)];
  return [...new Map(all.map((material) => [JSON.stringify(material), material])).values()];
}

export function fetchedMaterial(fetched: FetchedSource): Material {
  switch (fetched.kind) {
    case 'git': {
      const { remote, ref } = fetched.source;
      const uri = withoutCredentials(remote) + (ref === undefined ? '' : `#${ref}`);
      return { uri, digest: { [fetched.commit.length === 64 ? 'sha256' : 'sha1']: fetched.commit } };
    }
    case 'http': {
      const { algorithm, hex } = digestParts(fetched.digest);
      return { uri: withoutQueryValues(fetched.source.url), digest: { [algorithm]: hex } };
    }
  }
}

function imageMaterial(
  base: { readonly name: string; readonly digest: Parameters<typeof digestParts>[0] },
  platform: Platform,
): Material {
  const { algorithm, hex } = digestParts(base.digest);
  return { uri: imageUrl(base.name, formatPlatform(platform)), digest: { [algorithm]: hex } };
}
