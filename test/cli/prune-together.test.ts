import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { careCli } from '../support/care-cli.ts';
import { tsbuildProgram } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { killBefore, momentsOf } from '../support/moments.ts';
import { requires } from '../support/requires.ts';
import { sampleOf } from '../support/series.ts';

describe('S-71 prune beside others', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:strace');

  it('a build that runs meanwhile succeeds, and its image is whole', async () => {
    const care = await careCli();
    await care.build();
    // Both stay in a step that holds the mount until the test has pruned beside them.
    const waiting = (name: string): string =>
      `RUN --mount=type=cache,id=objects,target=/cache touch /cache/${name} && ` +
      'until test -e /cache/go; do sleep 0.02; done && test -e /cache/object';
    const echoing = (step: number): string => `RUN echo ${step} > /step${step}`;
    const steps = [...[0, 1, 2].map(echoing), waiting('image'), ...[4, 5, 6, 7].map(echoing)];
    const context = makeContext({ Dockerfile: ['FROM app', ...steps].join('\n') });
    const cached = makeContext({ Dockerfile: ['FROM busybox:1', waiting('mount')].join('\n') });
    const builds = [
      care.cli.run(['build', '-q', '-t', 'meanwhile', context]),
      care.cli.run(['build', '-q', '-t', 'mounts', cached]),
    ];
    let done = false;
    const all = Promise.all(builds).finally(() => (done = true));
    const mounts = join(care.cli.root, 'cache-mounts');
    const [mount = ''] = readdirSync(mounts).filter((name) => !name.startsWith('.'));
    const inMount = (name: string): string => join(mounts, mount, name);
    try {
      const isAtWork = (): boolean => done || ['image', 'mount'].every((name) => existsSync(inMount(name)));
      await expect.poll(isAtWork).toBe(true);
      for (const _ of [1, 2]) await care.cli.ok(['prune', '--all']);
      expect(existsSync(inMount('object'))).toBe(true);
    } finally {
      writeFileSync(inMount('go'), '');
    }
    while (!done) await care.cli.ok(['prune', '--all']);
    for (const { status, stderr } of await all) expect({ status, stderr }).toMatchObject({ status: 0 });
    const script = 'cat /step0 /step7 /made';
    expect(await care.cli.ok(['run', '--rm', 'meanwhile', 'sh', '-c', script])).toBe('0\n7\nmade');
    expect(await care.cli.ok(['fsck'])).not.toContain('damage ');
    await care.cli.ok(['prune', '--all']);
    expect(await care.cli.ok(['fsck'])).toBe('the store is whole');
  });

  it('two at once remove what one would', async () => {
    const care = await careCli();
    await care.build();
    const results = await Promise.all([1, 2, 3].map(() => care.cli.ok(['prune', '--all'])));
    const removed = results.flatMap((text) => text.match(/^[0-9a-f]{12} /gm) ?? []);
    expect(new Set(removed).size).toBe(removed.length);
    expect(await care.cli.ok(['fsck'])).toBe('the store is whole');
    expect(await care.cli.ok(['run', '--rm', 'app', 'cat', '/made'])).toBe('made');
  });

  it('S-70 killed at any moment, it leaves a store that is whole, and the next one finishes', async () => {
    const care = await careCli();
    const argv = [tsbuildProgram, '--root', care.cli.root, 'prune', '--all'];
    await care.build();
    const moments = await momentsOf(argv);
    expect(moments.length).toBeGreaterThan(10);
    for (const moment of sampleOf(moments, 3)) {
      await care.build();
      await killBefore(moment, argv);
      expect((await care.cli.run(['fsck'])).stdout).not.toMatch(/^damage/m);
      expect(await care.cli.ok(['run', '--rm', 'app', 'cat', '/made'])).toBe('made');
      await care.cli.ok(['prune', '--all']);
      expect(await care.cli.ok(['fsck'])).toBe('the store is whole');
      expect(readdirSync(join(care.cli.root, 'trash'))).toEqual([]);
    }
  });
});
