import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { tsbuild } from '../support/cli.ts';
import { disturbed, momentsAt, rehearse, type Rehearsed } from '../support/disturbed.ts';
import {
  faceOf,
  faultEnvironment,
  faultWorld,
  findingsOf,
  pruned,
  type FaultWorld,
} from '../support/fault-world.ts';
import { callKinds } from '../support/faults.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';

/** What a step on top of the copy sees of it, and what another stage takes of it. */
const dockerfile = `FROM busybox:1 AS made
COPY source /source
RUN busybox find /source -mindepth 1 ! -type d -exec busybox stat -c '%n %h %F' {} + | busybox sort >/seen \\
  && touch -d @1000 /seen /
FROM busybox:1
COPY --from=made /source /from
COPY --from=made /seen /seen
RUN rm /from/file /from/large && touch -d @1000 /from /
`;

describe('a COPY that begins with an earlier result', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:cc');
  const env = { ...process.env, ...faultEnvironment };
  let world: FaultWorld;
  let build: Rehearsed;

  /** The index of a store in which nothing was copied before. */
  async function cold(name: string): Promise<string> {
    const cli = tsbuild(join(world.folder, name));
    await runOk(['cp', '-a', join(world.folder, 'begin'), cli.root]);
    await cli.ok(world.build, { env });
    return faceOf(cli.root).index;
  }

  beforeAll(async () => {
    world = await faultWorld();
    const source = join(world.context, 'source');
    writeFileSync(join(world.context, 'Dockerfile'), dockerfile);
    writeFileSync(join(source, 'filler'), Buffer.alloc(3 << 20, 'filler'));
    writeFileSync(join(source, 'gone'), 'gone');
    await world.cli.ok(world.build, { env });
    world.setFile('other');
    rmSync(join(source, 'gone'));
    rmSync(join(source, 'sub'), { recursive: true });
    writeFileSync(join(source, 'sub'), 'no folder');
    mkdirSync(join(source, 'new'));
    writeFileSync(join(source, 'new/file'), 'new');
    build = await rehearse(world, { args: world.build });
  });

  /** Calls from the look at what was noted on. */
  const fromNotes = (): Rehearsed['calls'] => {
    const first = build.calls.findIndex(({ path }) => path.endsWith('/notes'));
    return first < 0 ? [] : build.calls.slice(first);
  };

  it('L-163 is for steps on top of it, and for other stages, what a whole copy is', async () => {
    // A whole copy would note what it does.
    const ofNotes = fromNotes().filter(({ path }) => path.endsWith('/notes'));
    expect(ofNotes.map(({ kinds }) => kinds & callKinds.grows)).toEqual(ofNotes.map(() => 0));
    expect(ofNotes).not.toEqual([]);
    expect(build.face.index).toBe(await cold('cold'));
    expect(await world.cli.ok(['run', '--rm', 'app:1', 'cat', '/seen'])).toBe(
      ['file', 'filler', 'large', 'new/file', 'sub']
        .map((name) => `/source/${name} 1 regular file`)
        .join('\n'),
    );
  });

  it('S-70 killed at any time leaves a whole store, and the next build comes to the same', async () => {
    const problems: string[] = [];
    for (const fault of momentsAt({ ...build, calls: fromNotes() }, { what: 'kill' }, { sample: 2 }))
      problems.push(...(await disturbed(world, build, fault)));
    expect(problems).toEqual([]);
  });

  it('L-163 stays whole when the step that it began with is pruned, and the next copy is a whole one', async () => {
    await world.restore();
    await world.cli.ok(world.build, { env });
    await pruned(world.cli.root);
    expect(await findingsOf(world.cli.root)).toEqual([]);
    expect(await world.cli.ok(['run', '--rm', 'app:1', 'cat', '/from/sub'])).toBe('no folder');
    world.setFile('third');
    await world.cli.ok(world.build, { env });
    expect(faceOf(world.cli.root).index).toBe(await cold('colder'));
    expect(await findingsOf(world.cli.root)).toEqual([]);
  });
});
