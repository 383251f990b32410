import type { Command } from 'commander';

import type { LockChange } from '../../policy/index.ts';
import { writeSmallFile } from '../../sys/index.ts';
import { addPolicyOption, lockPathOf, type SourceFlags } from '../build-sources.ts';
import { examples, makeCommand } from '../command.ts';
import { interruptSignal } from '../interrupt.ts';
import { addPlanningOptions, planningOptionsOf, type PlanningFlags } from '../planning-flags.ts';
import { warningsOnly } from '../progress/warnings.ts';
import type { ExitStatusHolder } from '../program.ts';
import { storeRoot } from '../root.ts';

interface LockFlags extends PlanningFlags, SourceFlags {
  readonly update?: boolean;
  readonly check?: boolean;
}

export function lockCommand(status: ExitStatusHolder): Command {
  const command = makeCommand('lock', 'Write down which images, commits and files a Dockerfile means now');
  addPlanningOptions(command);
  addPolicyOption(command)
    .option('--lock-file <path>', 'the lock file (default: the Dockerfile with .lock behind its name)')
    .option('--update', 'ask anew for all of it; else what the file has stays')
    .option('--check', 'write nothing; the exit status is 1 if the file would change');
  command.addHelpText(
    'after',
    examples([
      ['tsbuild lock .', 'write Dockerfile.lock, or add what it does not have yet'],
      ['tsbuild build --locked .', 'build with exactly that'],
      ['tsbuild lock --update .', 'take what tags and branches mean today, and show what changed'],
      ['tsbuild lock --update --check .', 'look for news and write nothing'],
    ]),
  );
  return command.action(async (context: string, flags: LockFlags) => {
    const { lockBuild } = await import('../../lock.ts');
    using interrupt = interruptSignal();
    const file = lockPathOf(flags, { context, file: flags.file });
    const { text, changes, count } = await lockBuild({
      ...(await planningOptionsOf(flags, context)),
      root: storeRoot(command),
      context,
      file,
      update: flags.update ?? false,
      signal: interrupt.signal,
      emit: warningsOnly(),
    });
    process.stdout.write(changes.map(lineOf).join(''));
    const isChanged = changes.length > 0;
    if (flags.check === true) {
      if (isChanged) status.code = 1;
    } else writeSmallFile(file, text);
    const done = flags.check === true ? (isChanged ? 'is out of date' : 'is up to date') : 'written';
    process.stderr.write(
      `${file} ${done}: ${count} ${count === 1 ? 'source' : 'sources'}, ${changes.length} changed\n`,
    );
  });
}

function lineOf({ identifier, before, after }: LockChange): string {
  if (before === undefined) return `+ ${identifier} ${after}\n`;
  if (after === undefined) return `- ${identifier} ${before}\n`;
  return `~ ${identifier} ${before} -> ${after}\n`;
}
