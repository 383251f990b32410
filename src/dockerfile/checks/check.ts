import { TsbuildError } from '../../core/index.ts';
import { excerpt } from '../excerpt.ts';
import type { Dockerfile } from '../types.ts';
import { checkRules, type CheckRule } from './rule-table.ts';
import {
  commentSettings,
  isActive,
  settingsNotes,
  settingsOf,
  type CheckSettings,
  type SettingsNote,
} from './settings.ts';
import { subjectOf } from './subject.ts';
import type { CheckFinding, CheckOptions, Violation } from './types.ts';

/**
 * The findings of all rules that are not skipped, by line. Throws STAGE_NOT_FOUND, USAGE for a malformed build arg
 * BUILDKIT_DOCKERFILE_CHECK and DOCKERFILE_SYNTAX for a malformed check directive.
 */
export function checkDockerfile(dockerfile: Dockerfile, options: CheckOptions): readonly CheckFinding[] {
  const settings = settingsOf(dockerfile, options.buildArgs);
  const subject = subjectOf(dockerfile, options);
  return checkRules
    .flatMap((rule) =>
      rule
        .check(subject)
        .filter((violation) => speaks(rule, settings, violation))
        .map(({ message, detail, range }): CheckFinding => ({
          rule: rule.name,
          message,
          detail,
          at: excerpt(dockerfile, range),
          level: 1,
        })),
    )
    .sort((a, b) => a.at.range.startLine - b.at.range.startLine);
}

function speaks(rule: CheckRule, settings: CheckSettings, { owners }: Violation): boolean {
  // A comment may ask for an experimental rule as well as skip one.
  const local = owners.flatMap((owner) => commentSettings(owner.comments) ?? []);
  const skipped = local.some((own) =>
    own.skip === 'all' ? rule.experimental !== true : own.skip.has(rule.name),
  );
  if (skipped) return false;
  return [settings, ...local.map((own) => ({ ...own, skip: settings.skip }))].some((one) =>
    isActive(rule, one),
  );
}

/** What is wrong with the settings of the checks themselves; told as warnings. Throws as `checkDockerfile` does. */
export function checkNotes(
  dockerfile: Dockerfile,
  buildArgs: ReadonlyMap<string, string>,
): readonly SettingsNote[] {
  const names = checkRules.map((rule) => rule.name);
  return settingsNotes(dockerfile, buildArgs, names);
}

/** The error that `error=true` makes of findings, if it is set and there are any. */
export function checkFailure(
  dockerfile: Dockerfile,
  buildArgs: ReadonlyMap<string, string>,
  findings: readonly CheckFinding[],
): TsbuildError | undefined {
  const [first] = findings;
  if (first === undefined || !settingsOf(dockerfile, buildArgs).error) return undefined;
  const rules = [...new Set(findings.map(({ rule }) => rule))];
  return new TsbuildError('DOCKERFILE_CHECK', `lint violation found for rules: ${rules.join(', ')}`, {
    hint: 'error=true makes findings errors; tsbuild build --check shows them all',
    at: first.at,
  });
}
