import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { tsbuildProgram, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { momentsOf, signalBefore } from '../support/moments.ts';
import { requires } from '../support/requires.ts';
import { sampleOf } from '../support/series.ts';

describe('a run that is interrupted', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:strace');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  it('S-70 leaves nothing of its container, whenever Ctrl-C comes', { timeout: 900_000 }, async () => {
    const run = ['run', '--rm', '--network', 'none', '-v', '/own', 'busybox:1', 'true'];
    const argv = [tsbuildProgram, '--root', cli.root, ...run];
    const left = (): readonly string[] =>
      ['containers', 'volumes', 'locks', 'leases', 'tmp'].flatMap((name) =>
        readdirSync(join(cli.root, name)),
      );
    const moments = await momentsOf(argv);
    expect(left()).toEqual([]);
    const own = moments.filter(({ call }) => call !== 'rmdir');
    for (const moment of sampleOf(own, 12)) {
      const { status } = await signalBefore(moment, 'SIGINT', argv);
      expect({ moment, status, left: left() }).toEqual({
        moment,
        status: expect.toBeOneOf([0, 130]) as number,
        left: [],
      });
    }
  });
});
