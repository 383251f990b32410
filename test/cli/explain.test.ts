import { chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { build, type BuildOptions } from '../../src/build.ts';
import { plainProgress } from '../../src/cli/progress/plain.ts';
import { shortName } from '../../src/cli/plan/groups.ts';
import type { BuildEvent } from '../../src/core/index.ts';
import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext, writeContext } from '../support/context.ts';
import { explainedDockerfile, explainedFiles } from '../support/explained.ts';
import { requires } from '../support/requires.ts';

interface Case {
  readonly what: string;
  /** Texts of the Dockerfile to replace. */
  readonly edit?: readonly (readonly [before: string, after: string])[];
  readonly write?: Readonly<Record<string, string>>;
  readonly change?: (folder: string, cli: Tsbuild) => void | Promise<void>;
  readonly options?: Partial<BuildOptions>;
  /** Reasons by the label of the step; `[stage-1 2/3]` and what is below say that their input has changed unless told. */
  readonly because: Readonly<Record<string, string>>;
}

/** What follows when the second stage's input was made anew. */
const last = {
  '[stage-1 2/3]': '[work 6/6] has changed',
  '[stage-1 3/3]': '[stage-1 2/3] has changed',
};
const fromRun = { '[work 6/6]': '[work 5/6] has changed', ...last };
const fromNotes = { '[work 5/6]': '[work 4/6] has changed', ...fromRun };
/** The end of the stage, whose result comes out the same. */
const withinStage = { '[work 5/6]': '[work 4/6] has changed', '[work 6/6]': '[work 5/6] has changed' };
const fromLib = { '[work 4/6]': '[work 3/6] has changed', ...fromNotes };

const anew = 'made anew: --no-cache';
const workSteps = [2, 3, 4, 5, 6].map((step) => `[work ${step}/6]`);

const cases: readonly Case[] = [
  { what: 'nothing changed', because: {} },
  { what: 'another label', edit: [['kind=test', 'kind=other']], because: {} },
  {
    what: 'a changed file',
    write: { 'lib/a.c': 'A\n' },
    because: { '[work 3/6]': 'files changed: lib/a.c', ...fromLib },
  },
  {
    what: 'files changed, added and removed, and another mode',
    write: { 'lib/a.c': 'A\n', 'lib/new.c': 'new\n' },
    change: (folder) => {
      rmSync(join(folder, 'lib/b.c'));
      chmodSync(join(folder, 'lib/run.sh'), 0o755);
    },
    because: {
      '[work 3/6]': 'files changed: lib/a.c, lib/run.sh (mode); added: lib/new.c; removed: lib/b.c',
      ...fromLib,
    },
  },
  {
    what: 'more files than one reads',
    write: Object.fromEntries(Array.from({ length: 14 }, (_, at) => [`lib/x${at + 10}.c`, `${at}\n`])),
    because: {
      '[work 3/6]': `files added: ${Array.from({ length: 10 }, (_, at) => `lib/x${at + 10}.c`).join(', ')}; 4 more`,
      ...fromLib,
    },
  },
  {
    what: 'a file that is mounted',
    write: { 'tools/make': 'MAKE\n' },
    // The other stage copies what came out the same.
    because: {
      'load context:/tools': 'files changed: tools/make',
      '[work 6/6]': 'load context:/tools has changed',
    },
  },
  {
    what: 'another source',
    edit: [['COPY lib lib', 'COPY more lib']],
    because: {
      '[work 3/6]':
        'files added: more/a; removed: lib/a.c, lib/b.c, lib/run.sh; its source was "lib", is "more"',
      ...fromLib,
    },
  },
  {
    what: 'a build arg',
    options: { buildArgs: new Map([['VERSION', '2']]) },
    because: { '[work 5/6]': 'VERSION was "1", is "2"', '[work 6/6]': 'VERSION was "1", is "2"' },
  },
  {
    what: 'a variable',
    edit: [['MODE=fast', 'MODE=slow']],
    because: { '[work 5/6]': 'MODE was "fast", is "slow"', '[work 6/6]': 'MODE was "fast", is "slow"' },
  },
  {
    what: 'a variable more',
    edit: [['MODE=fast', 'MODE=fast SPEED=9']],
    because: { '[work 5/6]': 'SPEED is new: "9"', '[work 6/6]': 'SPEED is new: "9"' },
  },
  {
    what: 'a variable less',
    edit: [['ENV MODE=fast\n', '']],
    because: { '[work 5/6]': 'MODE is gone: was "fast"', '[work 6/6]': 'MODE is gone: was "fast"' },
  },
  {
    what: 'a command',
    edit: [['cat lib/* > out', 'cat lib/*.c > out']],
    because: { '[work 5/6]': 'the command was "cat lib/* > out"', ...fromRun },
  },
  {
    what: 'a working directory',
    edit: [
      ['WORKDIR /src', 'WORKDIR /app'],
      ['/src/out', '/app/out'],
    ],
    because: {
      '[work 2/6]': 'path was "/src", is "/app"',
      '[work 3/6]': 'destination was "/src/lib", is "/app/lib"',
      '[work 4/6]': '[work 3/6] has changed',
      '[work 5/6]': 'the working directory was "/src", is "/app"',
      '[work 6/6]': 'the working directory was "/src", is "/app"',
      '[stage-1 2/3]': 'its source was "/src/out", is "/app/out"',
    },
  },
  {
    what: 'a heredoc',
    edit: [['kept', 'changed']],
    because: { '[work 4/6]': 'the text of a heredoc changed', ...withinStage },
  },
  {
    what: 'an owner',
    edit: [['COPY lib', 'COPY --chown=1 lib']],
    because: {
      '[work 3/6]': 'chown was not set, is "1"',
      '[work 4/6]': '[work 3/6] has changed',
      ...withinStage,
    },
  },
  {
    what: 'a mount',
    edit: [['target=/tools', 'target=/tools,rw']],
    because: { '[work 6/6]': 'its mounts changed' },
  },
  {
    what: 'a network',
    edit: [['RUN cat lib', 'RUN --network=none cat lib']],
    because: { '[work 5/6]': 'network was "default", is "none"' },
  },
  {
    what: 'a user',
    edit: [['LABEL kind=test', 'USER 7']],
    because: { '[stage-1 3/3]': 'user was not set, is "7"' },
  },
  {
    what: 'a step more',
    edit: [['RUN cat lib', 'RUN echo more\nRUN cat lib']],
    because: {
      '[work 5/7]': 'not built before',
      '[work 6/7]': '[work 5/7] has changed',
      '[work 7/7]': '[work 6/7] has changed',
    },
  },
  {
    what: 'a step less',
    edit: [['COPY <<notes /notes\nkept\nnotes\n', '']],
    because: { '[work 4/5]': '[work 3/5] stands before it now', '[work 5/5]': '[work 4/5] has changed' },
  },
  {
    what: 'another kind of step',
    edit: [['RUN cat /out', 'COPY lib /lib']],
    because: { '[stage-1 3/3]': 'not built before: a RUN stood here' },
  },
  {
    what: 'another part of a stage',
    edit: [['/src/out /out', '/src/tools /out']],
    because: {
      '[stage-1 2/3]': 'its source was "/src/out", is "/src/tools"',
      '[stage-1 3/3]': '[stage-1 2/3] has changed',
    },
  },
  {
    what: '--no-cache',
    options: { noCache: true },
    because: Object.fromEntries(
      [...workSteps, '[stage-1 2/3]', '[stage-1 3/3]'].map((label) => [label, anew]),
    ),
  },
  {
    what: '--no-cache-filter',
    options: { noCache: new Set(['work']) },
    because: Object.fromEntries(workSteps.map((label) => [label, anew])),
  },
  {
    // The last one: those before stand on the old base.
    what: 'a new base',
    change: async (_, cli) => {
      const context = makeContext({ Dockerfile: 'FROM busybox:1\nRUN echo new > /new\n' });
      await build({ root: cli.root, context, tags: ['busybox:1'] });
    },
    because: {
      '[stage-1 1/3]': 'the base image changed: busybox:1 OLD → NEW',
      '[work 2/6]': '[stage-1 1/3] has changed',
      '[work 3/6]': '[work 2/6] has changed',
      ...fromLib,
      '[stage-1 2/3]': '[stage-1 1/3] and [work 6/6] have changed',
    },
  },
];

describe('why steps run', () => {
  requires('root');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  it.each(cases)('B-01 $what', async ({ edit = [], write = {}, change, options, because }) => {
    const context = makeContext({ ...explainedFiles, Dockerfile: explainedDockerfile });
    await build({ root: cli.root, context });
    const text = edit.reduce((before, [from, to]) => before.replace(from, to), explainedDockerfile);
    writeContext(context, { ...write, Dockerfile: text });
    await change?.(context, cli);
    const told: Record<string, string> = {};
    await build({ root: cli.root, context, ...options, emit: collect(told) });
    expect(mapped(told)).toEqual(because);
  });
});

/** Digests of bases differ from run to run: the first and the second one of a line. */
function mapped(told: Readonly<Record<string, string>>): Record<string, string> {
  const digest = 'sha256:[0-9a-f]{12}';
  const both = new RegExp(`(${digest}) → (?!\\1)${digest}$`);
  return Object.fromEntries(
    Object.entries(told).map(([label, why]) => [label, why.replace(both, 'OLD → NEW')]),
  );
}

/** What `--explain` prints, by label of the step. */
function collect(told: Record<string, string>): (event: BuildEvent) => void {
  let label = '';
  const progress = plainProgress(
    (line) => {
      const [, why] = /^#\d+ because (.*)\n$/.exec(line) ?? [];
      if (why !== undefined) told[label] = why;
    },
    { explain: true },
  );
  return (event) => {
    if (event.type === 'step-started') label = shortName(event.step.name);
    progress.handle(event);
  };
}
