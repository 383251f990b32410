import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { disturbed, momentsAt, rehearse, type Disturbable } from '../support/disturbed.ts';
import { faultEnvironment, faultWorld, type FaultWorld } from '../support/fault-world.ts';
import type { FaultKind } from '../support/faults.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { sampleOf, soak } from '../support/series.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** One of them in `npm test`, in turn. */
const kinds: readonly { readonly what: FaultKind; readonly lasts?: boolean }[] = [
  { what: 'kill' },
  { what: 'ENOSPC', lasts: true },
  { what: 'EIO' },
  { what: 'EMFILE', lasts: true },
  { what: 'EROFS', lasts: true },
];

describe('a command that is disturbed', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:cc', 'tool:docker-registry');
  let world: FaultWorld;
  let registry: TestRegistry;
  beforeAll(async () => {
    world = await faultWorld();
    registry = await startRegistry(tempFolder('registry').path);
    await tagged();
    await world.cli.ok(['push', remote()]);
    await world.cli.ok(['save', '-o', archive(), 'app:1']);
  });
  afterAll(() => (registry as TestRegistry | undefined)?.[Symbol.asyncDispose]());

  const archive = (): string => join(world.folder, 'app.tar');
  const remote = (): string => `${registry.host}/app:1`;
  const tagged = async (): Promise<unknown> => {
    await build();
    return world.cli.ok(['tag', 'app:1', remote()]);
  };
  const build = (): Promise<string> =>
    world.cli.ok(world.build, { env: { ...process.env, ...faultEnvironment } });

  const buildOther = async (): Promise<void> => {
    world.setFile('other');
    await build();
    world.setFile();
  };

  const commands: readonly (readonly [title: string, command: () => Disturbable])[] = [
    ['pull', () => ({ args: ['pull', remote()] })],
    ['push', () => ({ args: ['push', remote()], prepare: tagged })],
    ['load', () => ({ args: ['load', '-i', archive()] })],
    [
      'save',
      () => ({
        args: ['save', '-o', join(world.folder, 'out.tar'), 'app:1'],
        prepare: build,
        output: join(world.folder, 'out.tar'),
      }),
    ],
    ['tag', () => ({ args: ['tag', 'app:1', 'other:2'], prepare: build })],
    ['rmi', () => ({ args: ['rmi', 'app:1'], prepare: build, onlyOnce: true })],
    ['prune', () => ({ args: ['prune', '--all', '--force'], prepare: build })],
    [
      'commit',
      () => ({
        args: ['commit', 'one', 'made:1'],
        prepare: async () => world.cli.ok(['create', '--name', 'one', 'busybox:1', 'true']),
        varies: true,
      }),
    ],
    ['build of a changed file', () => ({ args: world.build, prepare: buildOther })],
    ['build of nothing new', () => ({ args: world.build, prepare: build })],
  ];

  it.each(sampleOf(commands, 3))(
    'S-70 S-72 %s leaves a whole store, says why, and can be done again',
    { timeout: 3_600_000 },
    async (title, make) => {
      await world.restore('begin');
      const command = await rehearse(world, make());
      const problems: string[] = [];
      const index = commands.findIndex(([each]) => each === title);
      for (const kind of soak ? kinds : kinds.slice(index % kinds.length).slice(0, 1))
        for (const fault of momentsAt(command, kind, { sample: 1, whole: 25 }))
          problems.push(...(await disturbed(world, command, fault)));
      expect(problems).toEqual([]);
    },
  );
});
