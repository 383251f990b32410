import { formatPlatform } from '../../oci/index.ts';
import type { BuildForecast, StepForecast } from '../../plan.ts';
import { asciiControls } from '../terminal-text.ts';
import { countOutlooks, shortNames } from './groups.ts';
import { reasonText, type NameOf } from './reason-text.ts';

/** Changes with what a program that reads it may rely on (docs/plan.md). */
const formatVersion = 1;

export function planJson(forecast: BuildForecast): string {
  const nameOf = shortNames(forecast);
  const value = {
    version: formatVersion,
    target: forecast.target,
    platform: formatPlatform(forecast.platform),
    // Left out of the plan for one platform, where it would say the same again.
    targets: forecast.targets.length === 1 ? undefined : forecast.targets.map(targetJson),
    summary: countOutlooks(forecast),
    steps: forecast.steps.map((step) => stepJson(step, nameOf)),
  };
  return `${asciiControls(JSON.stringify(value, undefined, 2))}\n`;
}

function targetJson({ id, platform }: BuildForecast['targets'][number]): object {
  return { target: id, platform: formatPlatform(platform) };
}

function stepJson(step: StepForecast, nameOf: NameOf): object {
  const { id, key, name, identity, stage, platform, kind, inputs, outlook, at } = step;
  const location =
    at === undefined ? null : { file: at.file, line: at.range.startLine, endLine: at.range.endLine };
  const common = {
    id,
    key,
    name,
    identity,
    stage: stage ?? null,
    platform,
    kind,
    location,
    inputs,
    status: outlook.status,
  };
  switch (outlook.status) {
    case 'cached':
      return { ...common, cachedBy: outlook.by };
    case 'unneeded':
      return common;
    case 'maybe':
    case 'run': {
      const undecided = outlook.status === 'maybe';
      return { ...common, why: reasonText(outlook.reasons, { nameOf, undecided }), reasons: outlook.reasons };
    }
  }
}
