import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import type { BuildOptions } from '../../src/build.ts';
import { digestOf, digestParts } from '../../src/core/index.ts';
import { built, type Built } from '../support/built-tree.ts';
import { tsbuild, tsbuildWithBusybox } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { until } from '../support/holdings.ts';
import { requires } from '../support/requires.ts';

let root: string;

const stage = [
  'FROM busybox:1 AS seed',
  'RUN mkdir -p /data/sub && echo seeded > /data/file && ln -s file /data/link && ln /data/file /data/hard \\',
  '  && chown -R 1000:50 /data && chmod 2750 /data && touch -d @1000000000 /data/file /data/sub',
];

function dockerfile(text: readonly string[]): string {
  return [...stage, 'FROM busybox:1', ...text, ''].join('\n');
}

function run(text: readonly string[], options: Partial<BuildOptions> = {}): Promise<Built> {
  return built({ context: makeContext({ Dockerfile: dockerfile(text) }), root, ...options });
}

describe('cache mounts that start with something', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:tar');
  beforeAll(async () => {
    ({ root } = await tsbuildWithBusybox());
  });

  const seed = 'type=cache,from=seed,source=/data';

  it('L-142 hold a copy of the seed at first, with its owners, links and times, and what was written later', async () => {
    const mount = `--mount=${seed},id=copy,target=/c`;
    const first = await run([
      `RUN ${mount} cat /c/link; stat -c "%a %u:%g %n" /c /c/file; stat -c %h /c/hard; stat -c %Y /c/file /c/sub; echo more >> /c/file; rm /c/link`,
      `RUN ${mount} cat /c/file; ls /c`,
    ]);
    expect(first.output.split('\n')).toEqual([
      ...['seeded', '2750 1000:50 /c', '644 1000:50 /c/file', '2', '1000000000', '1000000000'],
      ...['seeded', 'more', 'file', 'hard', 'sub', ''],
    ]);
    // The seed is as it was.
    expect((await run(['RUN --mount=from=seed,source=/data,target=/m cat /m/file'])).output).toBe('seeded\n');
  });

  it('L-142 have the owner and mode of the mount where it names some', async () => {
    const { output } = await run([
      `RUN --mount=${seed},id=own,target=/c,uid=7,gid=8,mode=0711 stat -c "%a %u:%g" /c /c/file`,
      'RUN --mount=type=cache,id=own,target=/c stat -c "%a %u:%g" /c; ls -A /c | wc -l',
    ]);
    expect(output).toBe('711 7:8\n644 1000:50\n755 0:0\n0\n');
  });

  it('L-142 L-143 are other caches with another seed, and the same one with a seed of the same content', async () => {
    const build = (content: string, beside: string): Promise<Built> =>
      built({
        root,
        context: makeContext({
          Dockerfile: [
            'FROM busybox:1 AS base',
            `RUN mkdir /s && echo ${content} > /s/file && echo ${beside} > /beside`,
            'FROM busybox:1',
            `RUN --mount=type=cache,from=base,source=/s,id=content,target=/c echo x >> /c/log; cat /c/file /c/log; : ${content}${beside}`,
            '',
          ].join('\n'),
        }),
      });
    expect((await build('one', 'a')).output).toBe('one\nx\n');
    expect((await build('one', 'b')).output).toBe('one\nx\nx\n');
    expect((await build('two', 'a')).output).toBe('two\nx\n');
  });

  it.each([
    ['from=seed,source=/dat', { code: 'COPY_SOURCE_NOT_FOUND', hint: 'did you mean /data?' }],
    ['from=seed,source=/data/file', { code: 'COPY_FAILED' }],
  ])('L-142 refuse %s, and leave no cache behind', async (from, error) => {
    const before = readdirSync(join(root, 'cache-mounts'));
    const building = run([`RUN --mount=type=cache,${from},id=bad,target=/c true`]);
    await expect(building).rejects.toMatchObject(error);
    expect(readdirSync(join(root, 'cache-mounts'))).toEqual(before);
  });

  it('L-142 are copied from all of an image', async () => {
    const { output } = await run([
      'RUN --mount=type=cache,from=seed,id=whole,target=/c cat /c/data/file; touch /c/mine',
      'RUN --mount=type=cache,from=seed,id=whole,target=/c ls /c/mine',
    ]);
    expect(output).toBe('seeded\n/c/mine\n');
  });

  it('S-34 S-30 a link of the seed leads nowhere outside it', async () => {
    const { output } = await run([
      'RUN --mount=type=cache,from=seed,id=links,target=/c ln -s / /c/out; ln -s ../../../../etc /c/etc',
      'RUN echo other > /etc/group',
      'RUN --mount=type=cache,from=seed,source=/../../data,id=links,target=/c cat /c/file',
    ]);
    expect(output).toBe('seeded\n');
  });

  it.each([
    // Each counts what it can see of the other while both hold the cache; of what one has at a time, for a while.
    ['locked', 'A B', 'sleep 0.5'],
    ['private', 'A B', 'until test -e /gate/A -a -e /gate/B; do sleep 0.05; done'],
    ['shared', 'AB AB', 'until test -e /gate/A -a -e /gate/B; do sleep 0.05; done'],
  ])('L-142 %s ones between two processes', async (sharing, expected, meet) => {
    const cli = tsbuild(root);
    const mount = `--mount=type=cache,id=two-${sharing},target=/c,sharing=${sharing} --mount=type=cache,id=gate-${sharing},target=/gate`;
    const context = (name: string): string =>
      makeContext({
        Dockerfile: dockerfile([
          `RUN ${mount} touch /c/${name} /gate/${name}; ${meet}; echo saw $(ls /c | tr -d "\\n"); test ${sharing} = shared || rm /c/${name}`,
        ]),
      });
    const builds = ['A', 'B'].map((name) => cli.run(['build', '--progress', 'plain', context(name)]));
    const outputs = await Promise.all(builds);
    expect(outputs.map(({ status }) => status)).toEqual([0, 0]);
    const saw = outputs.map(({ stderr }) => / saw (\w*)$/m.exec(stderr)?.[1]);
    expect(saw.join(' ')).toBe(expected);
  });

  it('L-143 S-73 waiting for a locked one can be interrupted', async () => {
    const mount = '--mount=type=cache,id=held,target=/c,sharing=locked';
    const abort = new AbortController();
    const gate = join(root, 'cache-mounts', digestParts(digestOf('gate-held')).hex);
    const waits = 'touch /gate/held; until test -e /gate/go; do sleep 0.05; done';
    const holder = run([`RUN ${mount} --mount=type=cache,id=gate-held,target=/gate echo holding; ${waits}`]);
    // It has the lock by then; begun together, the other could be first.
    await until(() => existsSync(join(gate, 'held')));
    const waiter = run([`RUN ${mount} true`], { signal: abort.signal });
    const interrupted = expect(waiter).rejects.toBeDefined();
    setTimeout(() => abort.abort(new Error('enough')), 500);
    await interrupted;
    writeFileSync(join(gate, 'go'), '');
    expect((await holder).output).toBe('holding\n');
  });

  it('S-30 S-37 a link that another step swaps all the time leads no mount outside its cache', async () => {
    const whole = '--mount=type=cache,id=race,target=/c';
    await run([
      `RUN ${whole} for d in real etc; do mkdir /c/$d; echo inside > /c/$d/passwd; done; ln -s real /c/x`,
    ]);
    const targets = 'real /etc ../../../../../../../../etc /proc/1/root/etc';
    const swapping = run([
      `RUN ${whole} for i in $(seq 250); do for t in ${targets}; do ln -s $t /c/next; mv -T /c/next /c/x; done; done`,
    ]);
    const seen = new Set<string>();
    const state = { swapping: true };
    void swapping.finally(() => (state.swapping = false));
    const lookFor = (i: string): string =>
      `RUN --mount=type=cache,id=race,source=/x,target=/m cat /m/passwd; : ${i}`;
    for (let i = 0; state.swapping || i < 3; i++) {
      // The link into /proc names nothing here: such a mount may show an empty folder, or fail.
      seen.add(
        await run([lookFor(String(i))]).then(
          ({ output }) => output,
          () => 'failed',
        ),
      );
    }
    await swapping;
    // Never the files of this machine: those of the cache, whatever the link says.
    expect([...seen].filter((text) => text.includes('root:'))).toEqual([]);
    // What the looks met was chance; that they can meet something is shown by one more.
    await run([`RUN ${whole} ln -sfn real /c/x`]);
    expect((await run([lookFor('settled')])).output).toBe('inside\n');
  });

  it('S-36 S-37 many steps that make one cache at once make it once', async () => {
    const before = readdirSync(join(root, 'cache-mounts')).length;
    const mount = `--mount=${seed},id=../../../etc/many,target=/c`;
    const builds = Array.from({ length: 8 }, (_, i) => run([`RUN ${mount} cat /c/file; touch /c/made-${i}`]));
    const made = await Promise.all(builds);
    expect(made.map(({ output }) => output)).toEqual(Array(8).fill('seeded\n'));
    expect((await run([`RUN ${mount} ls /c | grep -c made`])).output).toBe('8\n');
    const names = readdirSync(join(root, 'cache-mounts'));
    expect(names.length).toBe(before + 1);
    expect(names.every((name) => /^[0-9a-f]{64}(-\d+)?$/.test(name))).toBe(true);
  });
});
