import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { TsbuildError } from '../../src/core/index.ts';
import type { BuildPlan, Step } from '../../src/graph/index.ts';
import { planCase, type PlanCase } from '../support/plan-text.ts';

const sources = [
  'one',
  'TWO',
  'three',
  '0',
  '1',
  '7',
  'files',
  'repo',
  'archive',
  'tools',
  'base',
  'scratch',
];

const source = fc.constantFrom(...sources);

const plain = fc.constantFrom(
  'ARG A=1',
  'ARG A B=$A',
  'ENV A=2 C=${A:-x}',
  'LABEL a=$A',
  'WORKDIR /w',
  'WORKDIR sub',
  'WORKDIR /',
  'USER ada',
  'CMD ["x"]',
  'ENTRYPOINT x',
  'EXPOSE 80-82/udp $A',
  'VOLUME /v',
  'STOPSIGNAL 9',
  'SHELL ["/bin/bash", "-c"]',
  'HEALTHCHECK NONE',
  'MAINTAINER ada',
  'ONBUILD RUN --mount=from=files,target=/m true',
  'ONBUILD COPY --from=0 / /',
  'RUN echo $A',
  'RUN --network=host --security=insecure --device=v/c=d true',
  'RUN --mount=type=cache,target=c --mount=type=secret,id=s --mount=type=ssh --mount=type=tmpfs,target=/t true',
  'RUN --mount=target=/ctx,source=$A true',
  'COPY a /$A',
  'COPY --link --chown=1 a b /d/',
  'COPY --link --chmod=u+x a /a',
  'COPY --parents a/./b /p',
  'COPY <<E /e\n$A\nE',
  'ADD a.tar https://example.org/b.tar git://example.org/c.git#$A /d/',
  'ADD --link https://example.org/b /b',
  'ADD --keep-git-dir https://example.org/c.git?branch=x /c',
);

const instruction = fc.oneof(
  { weight: 3, arbitrary: plain },
  source.map((from) => `COPY --from=${from} / /x/`),
  source.map((from) => `COPY --link --from=${from} a b /x/`),
  fc
    .tuple(source, source)
    .map(([a, b]) => `RUN --mount=from=${a},target=/a --mount=type=cache,from=${b},target=/b true`),
);

const stage = fc
  .record({
    base: fc.constantFrom(
      'base',
      'scratch',
      'parent',
      'one',
      'two',
      'three',
      'files',
      'repo',
      'archive',
      'tools',
    ),
    name: fc.constantFrom('', ' AS one', ' AS two', ' AS three', ' AS files', ' AS tools'),
    platform: fc.constantFrom('', '--platform=linux/arm64 ', '--platform=$BUILDPLATFORM '),
    instructions: fc.array(instruction, { maxLength: 6 }),
  })
  .map(({ base, name, platform, instructions }) =>
    [`FROM ${platform}${base}${name}`, ...instructions].join('\n'),
  );

const git = {
  remote: 'https://example.org/r.git',
  keepGitDir: false,
  submodules: true,
  fetchByCommit: false,
  mtime: 'checkout',
} as const;

const contexts: NonNullable<PlanCase['contexts']> = {
  files: { kind: 'local', name: 'files' },
  repo: { kind: 'git', source: git },
  archive: { kind: 'http', source: { url: 'https://example.org/a.tgz' } },
  'tools::linux/arm64': { kind: 'layout', path: '/tools' },
  tools: { kind: 'image', reference: 'debian:12' },
};

const options = fc.record<PlanCase>({
  buildArgs: fc.constantFrom({}, { A: 'x' }, { BUILDKIT_CACHE_MOUNT_NS: 'n' }),
  target: fc.constantFrom('', 'one', 'files'),
  noCache: fc.constantFrom<boolean | string[]>(true, false, ['one', 'tools']),
  network: fc.constantFrom('default', 'none', 'host'),
  contexts: fc.constantFrom({}, contexts),
  allow: fc.constantFrom([], ['network.host', 'security.insecure', 'device'] as const),
  bases: fc.constant({ parent: { config: { OnBuild: ['COPY --from=one a /a', 'RUN true'] } } }),
});

async function planned(text: string, given: PlanCase): Promise<BuildPlan | undefined> {
  try {
    return (await planCase(text, given)).plan;
  } catch (error) {
    if (error instanceof TsbuildError) return undefined;
    throw error;
  }
}

/** Every step once, inputs first. Throws for a step that needs itself. */
function stepsOf(target: Step): readonly Step[] {
  const done = new Map<string, Step>();
  const visit = (step: Step, above: readonly string[]): void => {
    if (above.includes(step.id)) throw new Error(`${step.name} needs itself`);
    if (done.has(step.id)) return;
    for (const input of step.inputs) visit(input, [...above, step.id]);
    done.set(step.id, step);
  };
  visit(target, []);
  return [...done.values()];
}

/** Inputs that the op names beside its root, which is input 0. */
function namedInputs({ op }: Step): readonly number[] {
  if (op.kind === 'run') return op.mounts.flatMap(({ input }) => input ?? []);
  if (op.kind === 'copy') return op.origins.flatMap((origin) => ('input' in origin ? [origin.input] : []));
  return op.kind === 'merge' ? [1] : [];
}

const rooted: ReadonlySet<string> = new Set(['run', 'copy', 'workdir', 'merge']);
/** Trees without layers: sources of others only. */
const trees: ReadonlySet<string> = new Set(['local', 'git', 'http']);

function layersOf({ op, inputs: [root] }: Step): number {
  if (root === undefined) return op.kind === 'image' ? 1 : 0;
  return layersOf(root) + 1;
}

describe('any valid instructions in any order', () => {
  const file = fc
    .array(stage, { minLength: 1, maxLength: 5 })
    .map((stages) => `ARG A=0\n${stages.join('\n')}\n`);

  it('L-109 L-204 S-32 are planned, every input there and every layer with its history, or refused', async () => {
    let plans = 0;
    await fc.assert(
      fc.asyncProperty(file, options, async (text, given) => {
        const plan = await planned(text, given);
        if (plan === undefined) return;
        plans++;
        for (const step of stepsOf(plan.target)) {
          const expected = rooted.has(step.op.kind) ? [0, ...namedInputs(step)] : [];
          expect(step.inputs.map((_, index) => index)).toEqual(expected);
          expect(trees.has(step.inputs[0]?.op.kind ?? '')).toBe(false);
          if (step.op.kind !== 'run' || given.allow?.length !== 0) continue;
          expect([step.op.security, step.op.devices]).toEqual(['sandbox', []]);
          if (given.network !== 'host') expect(step.op.network).not.toBe('host');
        }
        expect(trees.has(plan.target.op.kind)).toBe(false);
        expect(plan.history.filter((entry) => entry.empty_layer !== true)).toHaveLength(
          layersOf(plan.target),
        );
      }),
      { numRuns: 400 },
    );
    // Refusals alone would prove nothing.
    expect(plans).toBeGreaterThan(50);
  });
});
