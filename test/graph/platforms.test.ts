import { describe, expect, it } from 'vitest';

import type { Step } from '../../src/graph/index.ts';
import { planCase } from '../support/plan-text.ts';

const dockerfile = `FROM --platform=$BUILDPLATFORM base AS build
RUN prepare
ARG TARGETARCH
RUN make $TARGETARCH
FROM build AS more
RUN more
FROM app
COPY --from=build /out /in
COPY --from=more /out /in
RUN finish
`;

function below(target: Step): readonly Step[] {
  const steps = new Map([[target.id, target]]);
  for (const step of steps.values()) for (const input of step.inputs) steps.set(input.id, input);
  return [...steps.values()];
}

async function stepsFor(platform: string, options = { amongPlatforms: true }): Promise<readonly Step[]> {
  const bases = { base: { platform: 'linux/amd64' }, app: { platform } };
  const { plan } = await planCase(dockerfile, { platform, buildPlatform: 'linux/amd64', bases, ...options });
  return below(plan.target);
}

const namesOf = (steps: readonly Step[]): string[] => steps.map(({ name }) => name).sort();

describe('one of several platforms', () => {
  it('O-92 L-089 names say for which platform a step is', async () => {
    expect(namesOf(await stepsFor('linux/arm64'))).toEqual([
      '[linux/amd64 build 1/3] FROM base',
      '[linux/amd64 build 2/3] RUN prepare',
      '[linux/amd64 build 3/3] RUN make arm64',
      '[linux/amd64 more 1/1] RUN more',
      '[linux/arm64 stage-2 1/4] FROM app',
      '[linux/arm64 stage-2 2/4] COPY --from=build /out /in',
      '[linux/arm64 stage-2 3/4] COPY --from=more /out /in',
      '[linux/arm64 stage-2 4/4] RUN finish',
    ]);
  });

  it('O-30 what is for the machine that builds and knows no target is one step of both', async () => {
    const [amd64, arm64] = [await stepsFor('linux/amd64'), await stepsFor('linux/arm64')];
    const shared = arm64.filter(({ id }) => amd64.some((step) => step.id === id));
    expect(namesOf(shared)).toEqual([
      '[linux/amd64 build 1/3] FROM base',
      '[linux/amd64 build 2/3] RUN prepare',
    ]);
  });

  it('B-01 steps are remembered by platform; those for this machine as in a build for it alone', async () => {
    const identities = async (platform: string, amongPlatforms: boolean): Promise<readonly string[]> =>
      (await stepsFor(platform, { amongPlatforms })).map(({ identity }) => identity).sort();
    const alone = await identities('linux/amd64', false);
    expect(alone).toContain('build/2');
    expect(await identities('linux/amd64', true)).toEqual(alone);
    expect(await identities('linux/arm64', true)).toEqual(alone.map((each) => `linux/arm64 ${each}`).sort());
  });
});
