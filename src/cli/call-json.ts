import type { SourceRange } from '../core/index.ts';
import {
  checkRules,
  ruleUrl,
  type CheckFinding,
  type Outline,
  type OutlineMount,
  type Target,
} from '../dockerfile/index.ts';
import type { Dockerfile } from '../dockerfile/types.ts';

/** Under the names that BuildKit uses, so that scripts made for `docker build --call` go on working. */
export function checkJson(dockerfile: Dockerfile, findings: readonly CheckFinding[]): string {
  return format({
    warnings: findings.map(({ rule, message, detail, at, level }) => ({
      ruleName: rule,
      description: checkRules.find(({ name }) => name === rule)?.description,
      url: ruleUrl(rule),
      detail: detail === undefined ? message : `${message}: ${detail}`,
      level,
      location: locationOf(at.range),
    })),
    sources: sourcesOf(dockerfile),
  });
}

export function outlineJson(
  dockerfile: Dockerfile,
  { name, description, args, secrets, ssh }: Outline,
): string {
  return format({
    name,
    description,
    args: args.map(({ range, ...arg }) => ({ ...arg, location: locationOf(range) })),
    secrets: secrets.map(mountJson),
    ssh: ssh.map(mountJson),
    sources: sourcesOf(dockerfile),
  });
}

function mountJson({ name, required, range }: OutlineMount): object {
  return { name, required, location: locationOf(range) };
}

export function targetsJson(dockerfile: Dockerfile, targets: readonly Target[]): string {
  return format({
    targets: targets.map(({ range, ...target }) => ({ ...target, location: locationOf(range) })),
    sources: sourcesOf(dockerfile),
  });
}

function format(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** Lines from 1, characters from 0; an index into `sources`. */
function locationOf({ startLine, endLine, startColumn = 0, endColumn = 0 }: SourceRange): object {
  const range = {
    start: { line: startLine, character: startColumn },
    end: { line: endLine, character: endColumn },
  };
  return { sourceIndex: 0, ranges: [range] };
}

function sourcesOf({ file }: Dockerfile): readonly object[] {
  return [{ fileName: file, language: 'Dockerfile' }];
}
