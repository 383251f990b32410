import { isGoTrue, TsbuildError } from '../core/index.ts';
import { formatPlatform } from '../oci/index.ts';
import { sandboxHostname } from './builder-args.ts';
import type { StageState } from './stage.ts';
import { makeStep } from './steps.ts';
import { mainContext, type BuildPlan, type PlannedMount, type Step } from './types.ts';

/** A tree that an SBOM is to tell of besides the image's. */
export interface ScannedTree {
  /** `context`, or the name of a stage. */
  readonly name: string;
  readonly step: Step;
}

/** Where a scanner finds trees, and where it leaves what it found. */
const sourceFolder = '/run/src';
export const scanFolder = '/run/out';

/** What the stages that were planned ask for by ARG: to be scanned, and their context (BuildKit, docs/attestations/sbom.md). */
export function scannedTrees(
  stages: readonly { readonly name: string; readonly state: StageState; readonly isTarget: boolean }[],
): readonly ScannedTree[] {
  const trees = stages
    .filter(({ name, state, isTarget }) => !isTarget && asks(state, 'BUILDKIT_SBOM_SCAN_STAGE', name))
    .map(({ name, state }) => ({ name, step: state.step }));
  const withContext = stages.some(({ name, state }) => asks(state, 'BUILDKIT_SBOM_SCAN_CONTEXT', name));
  return withContext ? [{ name: 'context', step: contextStep() }, ...trees] : trees;
}

/** True or false for all that have the ARG, or names of stages. */
function asks({ args }: StageState, variable: string, name: string): boolean {
  const value = args.get(variable) ?? '';
  return isGoTrue(value) || value.split(',').includes(name);
}

function contextStep(): Step {
  const op = { kind: 'local', context: mainContext, path: '/' } as const;
  const name = 'load context:/';
  return makeStep({ op, inputs: [], name, identity: name, ignoreCache: false });
}

/**
 * The step that runs a scanner image on the result of a plan (BuildKit, docs/attestations/sbom-protocol.md): trees are
 * mounted read-only, and there is no network, so that what it says comes from them alone. Throws ATTESTATION_FAILED for an
 * image without a command.
 */
export function scanStep(
  plan: BuildPlan,
  { scanner, name }: { readonly scanner: BuildPlan; readonly name: string },
): Step {
  const { config, platform } = scanner;
  const argv = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  if (argv.length === 0)
    throw new TsbuildError('ATTESTATION_FAILED', `the SBOM generator ${name} has no command to run`);
  const trees = [
    { target: `${sourceFolder}/core/sbom`, step: plan.target },
    ...plan.scanned.map((tree) => ({
      target: `${sourceFolder}/extras/sbom-${tree.name}`,
      step: tree.step,
    })),
  ];
  const mounts = trees.map(({ target }, index): PlannedMount => ({
    ...{ type: 'bind', target, targetGiven: true, source: '/', input: index + 1 },
  }));
  const user = config.User ?? '';
  const empty = makeStep({
    op: { kind: 'workdir', path: scanFolder, user },
    inputs: [scanner.target],
    name: `WORKDIR ${scanFolder}`,
    identity: 'sbom/1',
    ignoreCache: false,
  });
  return makeStep({
    op: {
      ...{ kind: 'run', argv, proxyEnv: [], user, platform, extraHosts: [], devices: [] },
      env: [
        ...(config.Env ?? []),
        `BUILDKIT_SCAN_DESTINATION=${scanFolder}`,
        `BUILDKIT_SCAN_SOURCE=${sourceFolder}/core/sbom`,
        ...(plan.scanned.length === 0 ? [] : [`BUILDKIT_SCAN_SOURCE_EXTRAS=${sourceFolder}/extras`]),
      ],
      cwd: config.WorkingDir === undefined || config.WorkingDir === '' ? '/' : config.WorkingDir,
      ...{ network: 'none', security: 'sandbox', hostname: sandboxHostname(new Map()) },
      mounts: [...mounts, { type: 'tmpfs', target: '/tmp', targetGiven: true }],
      display: argv.join(' '),
    },
    inputs: [empty, ...trees.map(({ step }) => step)],
    name: `[sbom] ${name} on ${formatPlatform(plan.platform)}`,
    identity: 'sbom/2',
    ignoreCache: false,
  });
}
