import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { digestOf, digestParts } from '../../src/core/index.ts';
import { built } from '../support/built-tree.ts';
import { tsbuild, tsbuildWithBusybox } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { until } from '../support/holdings.ts';
import { requires } from '../support/requires.ts';

let root: string;

/** Mounts of a cache that one step has at a time, and of the folder in which steps tell each other how far they are. */
function mounts(name: string): string {
  return `--mount=type=cache,id=held-${name},target=/c,sharing=locked --mount=type=cache,id=gate-${name},target=/gate`;
}

/** Ends when some step has said go; fails when none does. */
const holds =
  'touch /gate/held; i=0; until test -e /gate/go; do i=$((i+1)); test $i -lt 1200 || exit 1; sleep 0.1; done';

/** Two steps come before it, so that those which want the cache are at it by then. */
function goes(name: string): readonly string[] {
  return [
    'FROM busybox:1 AS goes',
    ...['RUN : before', 'RUN : before again'],
    `RUN --mount=type=cache,id=gate-${name},target=/gate touch /gate/go /done`,
  ];
}

function context(...text: readonly string[]): string {
  return makeContext({ Dockerfile: [...text, ''].join('\n') });
}

describe('a step that waits for a locked cache mount holds no job slot', () => {
  requires('root', 'overlay', 'tool:busybox');
  beforeAll(async () => {
    ({ root } = await tsbuildWithBusybox());
  });

  it('L-142 with --jobs 1, while another process holds it', async () => {
    const dockerfile = context('FROM busybox:1', `RUN ${mounts('far')} ${holds}`);
    const holder = tsbuild(root).run(['build', '--progress', 'plain', dockerfile]);
    const gate = join(root, 'cache-mounts', digestParts(digestOf('gate-far')).hex);
    await until(() => existsSync(join(gate, 'held')));
    const waiting = await built({
      root,
      jobs: 1,
      context: context(
        ...['FROM busybox:1 AS waits', `RUN ${mounts('far')} touch /waited`],
        ...goes('far'),
        ...['FROM scratch', 'COPY --from=waits /waited /', 'COPY --from=goes /done /'],
      ),
    });
    expect(waiting.ran.filter((step) => step.includes('RUN --mount'))).toEqual([
      expect.stringContaining('touch /gate/go'),
      expect.stringContaining('touch /waited'),
    ]);
    expect(waiting.warnings).toContainEqual(
      expect.stringMatching(/^waiting for the cache mount "held-far", which process \d+ uses$/),
    );
    expect(await holder).toMatchObject({ status: 0 });
  });

  it('L-142 with two jobs and three steps of one build', async () => {
    const { ran, warnings } = await built({
      root,
      jobs: 2,
      context: context(
        ...['FROM busybox:1 AS one', `RUN ${mounts('near')} ${holds}; touch /one`],
        ...['FROM busybox:1 AS other', `RUN ${mounts('near')} ${holds}; touch /other`],
        ...goes('near'),
        'FROM scratch',
        ...['COPY --from=one /one /', 'COPY --from=other /other /', 'COPY --from=goes /done /'],
      ),
    });
    // Whoever held it ended since the third step had run; which of the two is reported first is a matter of moments.
    expect(ran.filter((step) => step.includes('RUN --mount'))).toHaveLength(3);
    expect(warnings).toContain(
      'waiting for the cache mount "held-near", which another step of this build uses',
    );
  });
});
