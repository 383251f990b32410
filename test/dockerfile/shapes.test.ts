import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { checkDockerfile, outlineOf, parseDockerfile, targetsOf } from '../../src/dockerfile/index.ts';
import type { Step } from '../../src/graph/index.ts';
import { checkOptions, type WrittenCheckOptions } from '../support/check-options.ts';
import { expectGolden } from '../support/golden.ts';
import { projectRoot } from '../support/paths.ts';
import { planCase, type PlanCase, type PlannedCase } from '../support/plan-text.ts';

/** What `options.json` beside a Dockerfile may say; without it, all targets for linux/amd64 and linux/arm64. */
interface ShapeOptions extends Pick<PlanCase, 'bases' | 'contexts' | 'allow' | 'buildArgs'> {
  readonly platforms?: readonly string[];
}

const folder = join(projectRoot, 'fixtures/shapes');

function optionsOf(name: string): ShapeOptions {
  const path = join(folder, name, 'options.json');
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as ShapeOptions) : {};
}

/** How many steps of each kind the target needs, as `copy 2, image 1, run 3`. */
function stepKinds({ plan }: PlannedCase): string {
  const seen = new Set<Step>();
  const visit = (step: Step): void => {
    if (seen.has(step)) return;
    seen.add(step);
    step.inputs.forEach(visit);
  };
  visit(plan.target);
  const kinds = [...seen].map((step) => step.op.kind).sort();
  const counts = [...new Set(kinds)].map((kind) => `${kind} ${kinds.filter((each) => each === kind).length}`);
  return counts.join(', ');
}

function findings(text: string, options: WrittenCheckOptions): readonly string[] {
  return checkDockerfile(parseDockerfile(text, 'Dockerfile'), checkOptions(options)).map(
    ({ rule, message, at }) => `finding: ${at.range.startLine}: ${rule}: ${message}`,
  );
}

function launchOf({ plan }: PlannedCase): string {
  const { Entrypoint, Cmd, User = '', WorkingDir = '' } = plan.config;
  const argv = [...(Entrypoint ?? []), ...(Cmd ?? [])];
  return `  runs ${JSON.stringify(argv)} as ${User === '' ? 'root' : User} in ${WorkingDir === '' ? '/' : WorkingDir}`;
}

describe('Dockerfiles as projects write them', () => {
  const names = readdirSync(folder).sort();

  it('are many', () => {
    expect(names.length).toBeGreaterThanOrEqual(24);
  });

  it.each(names)('L-001…L-111 %s plans without false errors and warnings', async (name) => {
    const text = readFileSync(join(folder, name, 'Dockerfile'), 'utf8');
    const { platforms = ['linux/amd64', 'linux/arm64'], ...options } = optionsOf(name);
    const { stages } = parseDockerfile(text, 'Dockerfile');
    const outputs = [...findings(text, { buildArgs: options.buildArgs ?? {} })];
    for (const stage of stages) {
      if (stage.name === undefined && stage.index < stages.length - 1) continue;
      const target = stage.name === undefined ? {} : { target: stage.name };
      const planned = await Promise.all(
        platforms.map((platform) => planCase(text, { ...options, ...target, platform })),
      );
      outputs.push(`${stage.name ?? 'the last stage'}: ${[...new Set(planned.map(stepKinds))].join(' or ')}`);
      const resolved = planned.flatMap((each) => each.resolved);
      outputs.push(...[...new Set(resolved)].sort().map((base) => `  from ${base}`));
      const warnings = planned.flatMap(({ plan }) => plan.warnings);
      outputs.push(...[...new Set(warnings)].map((warning) => `  warning: ${warning}`));
      outputs.push(...new Set(planned.map(launchOf)));
    }
    expectGolden(join(folder, name, 'plan.txt'), `${outputs.join('\n')}\n`);
  });

  it.each(names)('L-263 %s is outlined', (name) => {
    const dockerfile = parseDockerfile(readFileSync(join(folder, name, 'Dockerfile')), 'Dockerfile');
    expect(targetsOf(dockerfile)).toHaveLength(dockerfile.stages.length);
    expect(() => outlineOf(dockerfile, checkOptions())).not.toThrow();
  });
});
