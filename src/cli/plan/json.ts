import { formatPlatform } from '../../oci/index.ts';
import type { BuildForecast, StepForecast } from '../../plan.ts';
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
    summary: countOutlooks(forecast),
    steps: forecast.steps.map((step) => stepJson(step, nameOf)),
  };
  return `${asciiControls(JSON.stringify(value, undefined, 2))}\n`;
}

function stepJson(step: StepForecast, nameOf: NameOf): object {
  const { id, key, name, identity, stage, kind, inputs, outlook, at } = step;
  const location =
    at === undefined ? null : { file: at.file, line: at.range.startLine, endLine: at.range.endLine };
  const common = {
    id,
    key,
    name,
    identity,
    stage: stage ?? null,
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

/** What JSON may hold as it is and a terminal must not see: controls above ASCII, marks of writing direction. */
function asciiControls(text: string): string {
  return text.replace(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
