import type { Command } from 'commander';

import { TsbuildError } from '../../core/index.ts';
import type { FoundBuild, PastBuild, PastStep } from '../../ops/index.ts';
import { writeTo } from '../../sys/index.ts';
import { pastBuildText, secondsText } from '../builds-text.ts';
import { examples, makeCommand, rootOption } from '../command.ts';
import { formatOption, printList, type ListFormat } from '../list.ts';
import { parseAge } from '../moment.ts';
import { storeRoot } from '../root.ts';
import { formatAge } from '../table.ts';
import { printableLine } from '../terminal-text.ts';

/** `history` shows how an image was made, as docker has it; buildx calls this `history` as well. */
export function buildsCommand(): Command {
  const command = makeCommand('builds', 'Look at the builds of before: what they ran, printed and made')
    .usage('COMMAND [options]')
    .addHelpText(
      'after',
      examples([
        ['tsbuild builds ls', 'those of the last 30 days, 50 at most'],
        ['tsbuild builds inspect', 'the steps of the newest, and how it ended'],
        ['tsbuild builds logs a1b2', 'all that the steps of a build printed'],
        ['TSBUILD_HISTORY=0 tsbuild build .', 'keep nothing of builds'],
      ]),
    );
  for (const make of [lsCommand, inspectCommand, logsCommand, rmCommand, pruneCommand])
    command.addCommand(make().addOption(rootOption()));
  return command;
}

function lsCommand(): Command {
  const command = makeCommand('ls', 'List the builds, newest first')
    .alias('list')
    .option('-q, --quiet', 'ids only')
    .addOption(formatOption());
  return command.action(async (flags: { quiet?: boolean; format: ListFormat }) => {
    const { pastBuilds } = await import('../../ops/index.ts');
    const builds = pastBuilds(storeRoot(command)).map(({ build }) => build);
    if (flags.quiet === true) {
      process.stdout.write(builds.map(({ id }) => `${id}\n`).join(''));
      return;
    }
    const now = Date.now();
    printList(flags.format, {
      headings: ['BUILD', 'DOCKERFILE', 'STATUS', 'STARTED', 'DURATION', 'STEPS', 'TAGS'],
      rows: builds.map((build) => ({
        cells: [
          build.id,
          build.file,
          build.error?.code ?? 'built',
          formatAge(build.started, now),
          secondsText(build.milliseconds),
          stepsText(build),
          build.tags.join(' '),
        ],
        json: jsonOf(build),
      })),
    });
  });
}

function inspectCommand(): Command {
  const command = makeCommand('inspect', 'Show how a build went, step by step')
    .argument('[build]', 'its id or the beginning of it (default: the newest)')
    .addOption(formatOption());
  return command.action(async (id: string | undefined, flags: { format: ListFormat }) => {
    const { findBuild } = await import('../../ops/index.ts');
    const { build } = findBuild(storeRoot(command), id);
    process.stdout.write(
      flags.format === 'json' ? `${JSON.stringify(jsonOf(build), undefined, 2)}\n` : pastBuildText(build),
    );
  });
}

function logsCommand(): Command {
  const command = makeCommand('logs', 'Print what the steps of a build printed, whole')
    .argument('[build]', 'its id or the beginning of it (default: the newest)')
    .option('--step <number|text>', 'one step only: its place in builds inspect, or a part of its name');
  return command.action(async (id: string | undefined, flags: { step?: string }) => {
    const { findBuild, readStepLog } = await import('../../ops/index.ts');
    const found = findBuild(storeRoot(command), id);
    const steps = flags.step === undefined ? found.build.steps : [stepOf(found, flags.step)];
    for (const step of steps.filter(({ log }) => log !== undefined)) {
      if (steps.length > 1) await writeTo(process.stdout, `==> ${printableLine(step.name)} <==\n`);
      let last = 10;
      for await (const chunk of readStepLog(found, step)) {
        last = chunk.at(-1) ?? last;
        await writeTo(process.stdout, chunk);
      }
      if (steps.length > 1) await writeTo(process.stdout, last === 10 ? '\n' : '\n\n');
    }
  });
}

function rmCommand(): Command {
  const command = makeCommand('rm', 'Forget builds; images and caches stay')
    .alias('remove')
    .argument('<build...>', 'ids or beginnings of them');
  return command.action(async (ids: readonly string[]) => {
    const { findBuild, removeEntries } = await import('../../ops/index.ts');
    for (const id of ids) {
      const { entry } = findBuild(storeRoot(command), id);
      removeEntries([entry]);
      process.stdout.write(`${entry.id}\n`);
    }
  });
}

function pruneCommand(): Command {
  const command = makeCommand('prune', 'Forget all builds, or those that are old; none that runs')
    .option('--keep <number>', 'how many of the newest stay', '0')
    .option('--older-than <duration>', 'only those that are older, as 24h');
  return command.action(async (flags: { keep: string; olderThan?: string }) => {
    const { historyEntries, removeEntries } = await import('../../ops/index.ts');
    const { keep, olderThan } = flags;
    if (!/^\d{1,9}$/.test(keep)) throw invalid('--keep', keep, 'a number of builds');
    const age = olderThan === undefined ? -Infinity : parseAge('--older-than', olderThan);
    const now = Date.now();
    const gone = historyEntries(storeRoot(command))
      .slice(Number(keep))
      .filter(({ started }) => now - started > age);
    process.stdout.write(
      removeEntries(gone)
        .map(({ id }) => `${id}\n`)
        .join(''),
    );
  });
}

function stepOf({ build }: FoundBuild, text: string): PastStep {
  const byNumber = /^\d+$/.test(text) ? build.steps[Number(text) - 1] : undefined;
  const found = byNumber ?? build.steps.find(({ name }) => name.includes(text));
  if (found !== undefined) return found;
  throw new TsbuildError('USAGE', `build ${build.id} has no step ${JSON.stringify(text)}`, {
    hint: `tsbuild builds inspect ${build.id} shows them`,
  });
}

function stepsText({ steps }: PastBuild): string {
  const cached = steps.filter(({ status }) => status === 'cached').length;
  return `${steps.length}, ${cached} cached`;
}

function jsonOf({ id, file, context, image, started, ...rest }: PastBuild): object & Record<string, never> {
  const record = { ID: id, Dockerfile: file, Context: context, Image: image, Started: started, ...rest };
  return JSON.parse(JSON.stringify(record)) as object & Record<string, never>;
}

function invalid(flag: string, text: string, wanted: string): TsbuildError {
  return new TsbuildError('USAGE', `${flag}: invalid value ${JSON.stringify(text)}`, {
    hint: `expected ${wanted}`,
  });
}
