import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { makeContext } from '../support/context.ts';
import { momentsAt, rehearse } from '../support/disturbed.ts';
import { faceOf, faultEnvironment, faultWorld, findingsOf, type FaultWorld } from '../support/fault-world.ts';
import { runWithFault } from '../support/faults.ts';
import { requires } from '../support/requires.ts';

describe('builders of one store', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:cc');
  let world: FaultWorld;
  beforeAll(async () => {
    world = await faultWorld();
  });
  beforeEach(() => world.restore('begin'));

  const env = { ...process.env, ...faultEnvironment };
  const damage = async (): Promise<readonly string[]> =>
    (await findingsOf(world.cli.root)).filter((line) => !line.startsWith('leftover'));

  /** The cache mount that all steps of these tests share: what is in it is no part of any layer. */
  function marks(): string {
    const folder = join(world.cli.root, 'cache-mounts');
    const [name = ''] = readdirSync(folder).filter((each) => !each.startsWith('.'));
    return join(folder, name);
  }
  const runs = (): number => readFileSync(join(marks(), 'runs'), 'latin1').length;
  const marking = (command: string): string =>
    `RUN --mount=type=cache,id=marks,target=/marks ${command.replace('MARK', 'printf x >>/marks/runs')}`;

  it('S-71 that want the same step run it once, whatever comes after it', async () => {
    const steps = ['FROM busybox:1', marking('MARK && sleep 0.3'), 'ARG LAST', 'RUN echo $LAST >/last'];
    const context = makeContext({ Dockerfile: steps.join('\n') });
    const wanted = ['one', 'one', 'two', 'three'];
    const build = (last: string, index: number) =>
      world.cli.run(['build', '-q', '--build-arg', `LAST=${last}`, '-t', `made:${index}`, context], { env });
    const results = await Promise.all(wanted.map(build));
    for (const { status, stderr } of results) expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(runs()).toBe(1);
    const ids = results.map(({ stdout }) => stdout);
    expect(ids[0]).toBe(ids[1]);
    expect(new Set(ids).size).toBe(3);
    expect(await damage()).toEqual([]);
    const shown = await Promise.all(
      wanted.map((_, index) => world.cli.ok(['run', '--rm', `made:${index}`, 'cat', '/last'])),
    );
    expect(shown).toEqual(wanted);
  });

  /** Two builds of one step, of which one runs it until `go` is put among the marks, and the other waits for that. */
  async function raced(): Promise<Race> {
    // Whoever sees it takes it away, so that one `go` is for one run.
    const wait = 'until rm /marks/go 2>/dev/null; do sleep 0.02; done';
    const step = marking(
      `MARK && { ${wait}; } && test -e /marks/good && echo done >/done && touch -d @1000 /done /`,
    );
    const context = makeContext({ Dockerfile: `FROM busybox:1\n${step}\n` });
    const args = ['build', '--progress=plain', '-t', 'made:1', context];
    const first = started(args);
    await expect.poll(() => hasRun()).toBe(true);
    const second = started(args);
    const told = collect(second);
    await expect.poll(() => told.text).toContain(`waiting for process ${first.pid}, `);
    const ended = once(second, 'close').then(([status]) => ({ status: Number(status), stderr: told.text }));
    return { first, second: ended, go: () => writeFileSync(join(marks(), 'go'), '') };
  }
  /** Without its `go` it would wait for ever, were the test over. */
  function started(args: readonly string[]): ChildProcess {
    const child = world.cli.start(args);
    onTestFinished(() => void child.kill('SIGKILL'));
    return child;
  }
  function hasRun(): boolean {
    try {
      return runs() > 0;
    } catch {
      return false;
    }
  }

  it('S-70 S-71 one that is killed at work is followed by the one that waits for it', async () => {
    const { first, second, go } = await raced();
    writeFileSync(join(marks(), 'good'), '');
    first.kill('SIGKILL');
    await once(first, 'close');
    await expect.poll(() => runs()).toBe(2);
    go();
    expect(await second).toMatchObject({ status: 0 });
    expect(await world.cli.ok(['run', '--rm', 'made:1', 'cat', '/done'])).toBe('done');
    expect(await damage()).toEqual([]);
  });

  it('S-71 one that fails is followed, too; what it came to is nobody else’s', async () => {
    const { first, second, go } = await raced();
    go();
    expect((await once(first, 'close'))[0]).toBe(5);
    await expect.poll(() => runs()).toBe(2);
    writeFileSync(join(marks(), 'good'), '');
    go();
    expect(await second).toMatchObject({ status: 0 });
  });

  it('S-71 the one that waits gets what the other has made, and runs nothing', async () => {
    const { first, second, go } = await raced();
    writeFileSync(join(marks(), 'good'), '');
    go();
    expect((await once(first, 'close'))[0]).toBe(0);
    expect(await second).toMatchObject({ status: 0 });
    expect(runs()).toBe(1);
  });

  it('S-70 S-71 killed at any call, one does not disturb the other', { timeout: 3_600_000 }, async () => {
    const build = await rehearse(world, { args: world.build });
    for (const fault of momentsAt(build, { what: 'kill' }, { sample: 1, whole: 80 })) {
      await world.restore();
      const [killed, other] = await Promise.all([
        runWithFault(world.cli, { args: world.build, env: faultEnvironment }, fault),
        world.cli.run(world.build, { env }),
      ]);
      const face = faceOf(world.cli.root);
      expect({
        fault,
        status: [0, 137].includes(killed.status),
        other: other.status,
        said: other.stderr,
      }).toEqual({ fault, status: true, other: 0, said: other.stderr });
      expect({ fault, face, damage: await damage() }).toEqual({ fault, face: build.face, damage: [] });
    }
  });
});

interface Race {
  readonly first: ChildProcess;
  readonly second: Promise<{ readonly status: number; readonly stderr: string }>;
  readonly go: () => void;
}

/** What a child says, as it comes. */
function collect(child: ChildProcess): { readonly text: string } {
  const said = { text: '' };
  child.stdout?.resume();
  child.stderr?.on('data', (chunk: Buffer) => (said.text += chunk.toString()));
  return said;
}
