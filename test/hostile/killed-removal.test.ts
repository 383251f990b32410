import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { tsbuildProgram, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { killBefore, momentsOf } from '../support/moments.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { sampleOf, soak } from '../support/series.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('a removal that is killed', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:strace');
  let cli: Tsbuild;
  /** The container's own volume. */
  let own: string;
  let saved: string;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
    const script = 'echo x >/own/x; echo y >/named/y; mkdir -p /a/b; touch /a/b/c';
    const volumes = ['-v', '/own', '-v', 'named:/named'];
    await cli.ok(['run', '--name', 'whole', ...volumes, 'busybox:1', 'sh', '-c', script]);
    own = entries('volumes').find((name) => name !== 'named') ?? '';
    saved = tempFolder('saved').path;
    await runOk(['cp', '-a', ...folders.map((name) => join(cli.root, name)), saved]);
  });

  const folders = ['containers', 'volumes'];
  const entries = (name: string): readonly string[] => readdirSync(join(cli.root, name)).toSorted();
  const has = (path: string): boolean => existsSync(join(cli.root, path));
  const argv = (...args: readonly string[]): readonly string[] => [
    tsbuildProgram,
    '--root',
    cli.root,
    ...args,
  ];

  async function restore(): Promise<void> {
    for (const name of folders) rmSync(join(cli.root, name), { recursive: true, force: true });
    await runOk(['cp', '-a', ...folders.map((name) => join(saved, name)), cli.root]);
  }

  async function state(): Promise<unknown> {
    return {
      containers: entries('containers'),
      volumes: entries('volumes'),
      named: has('volumes/named/_data/y'),
      own: has(`volumes/${own}/_data/x`),
    };
  }

  it.each([
    { args: ['rm', 'whole'], kept: [true, true] },
    { args: ['rm', '-v', 'whole'], kept: [false, true] },
    { args: ['volume', 'rm', 'named'], first: ['rm', 'whole'], kept: [true, false] },
  ])(
    'S-70 $args: nothing has been done, or the next command, which may be killed as well, does the rest',
    { timeout: 900_000 },
    async ({ args, first, kept }) => {
      const begin = async (): Promise<void> => {
        await restore();
        if (first !== undefined) await cli.ok(first);
      };
      const done = {
        containers: [],
        volumes: kept.flatMap((is, at) => (is ? ([own, 'named'][at] ?? '') : [])),
      };
      await begin();
      const before = await state();
      const moments = await momentsOf(argv(...args));
      expect(await state()).toMatchObject({ ...done, volumes: done.volumes.toSorted() });
      const after = await state();
      let undone = 0;
      for (const [index, moment] of sampleOf(moments, 4).entries()) {
        await begin();
        await killBefore(moment, argv(...args));
        await killBefore({ call: index % 2 === 0 ? 'unlinkat' : 'unlink', nth: 1 + (index % 7) }, argv('ps'));
        await cli.ok(['ps']);
        const found = await state();
        // With the moment, for the reader of a failure.
        const isUndone = JSON.stringify(found) === JSON.stringify(before);
        expect({ moment, found }).toEqual({ moment, found: isUndone ? before : after });
        if (isUndone) undone++;
      }
      if (soak) expect([undone > 0, undone < moments.length]).toEqual([true, true]);
    },
  );

  it('S-70 what cannot be removed for something that is mounted in it keeps no command from its work', async () => {
    await restore();
    const place = join(cli.root, 'volumes', own, '_data', 'place');
    mkdirSync(place);
    await runOk(['mount', '-t', 'tmpfs', 'tmpfs', place]);
    const aside = join(cli.root, 'volumes', `.${own}`);
    try {
      expect((await cli.run(['rm', '-v', 'whole'])).status).not.toBe(0);
      await cli.ok(['ps']);
      expect([entries('containers').length, existsSync(aside)]).toEqual([1, true]);
    } finally {
      await runOk(['umount', join(aside, '_data', 'place')]);
    }
    await cli.ok(['ps']);
    expect([entries('containers'), entries('volumes')]).toEqual([[], ['named']]);
  });
});
