import { Option, type Command } from 'commander';

import { parseJobs, parseLabel } from '../build-values.ts';
import { parseCall, runCall, type Call, type CallFlags } from '../call.ts';
import { collect, examples, makeCommand } from '../command.ts';
import { interruptSignal } from '../interrupt.ts';
import { addLimitOptions, limitsOf } from '../limits.ts';
import { removeOutputFile, writeSmallFile } from '../output-file.ts';
import { addPlanningOptions, planningOptionsOf, type PlanningFlags } from '../planning-flags.ts';
import type { ExitStatusHolder } from '../program.ts';
import { plainProgress, type Progress } from '../progress/plain.ts';
import { storeRoot } from '../root.ts';

interface BuildFlags extends CallFlags, PlanningFlags {
  readonly tag?: readonly string[];
  readonly label?: readonly string[];
  readonly jobs?: string;
  readonly iidfile?: string;
  readonly quiet?: boolean;
}

export function buildCommand(status: ExitStatusHolder): Command {
  const command = makeCommand('build', 'Build an image from a Dockerfile').option(
    '-t, --tag <name>',
    'name for the image, as app or app:1.0; repeatable',
    collect,
  );
  addPlanningOptions(command)
    .option('--label <name=value>', 'label of the image; repeatable', collect)
    .option('--jobs <number>', 'steps that run at once (default: number of processors)')
    .option('--check', 'find likely mistakes in the Dockerfile and build nothing')
    .option(
      '--call <method>',
      'check, outline (what the target can be given), targets (the stages) or build; METHOD,format=json',
    )
    .addOption(new Option('--format <style>', 'what --call and --check print').choices(['text', 'json']))
    .option('--iidfile <file>', 'write the image id to a file')
    .option('-q, --quiet', 'print nothing but the image id, on standard output')
    .addOption(
      new Option('--progress <auto|plain>', 'style of the progress')
        .choices(['auto', 'plain'])
        .default('auto'),
    );
  addLimitOptions(command.optionsGroup('Limits of RUN steps, which never make a step run anew:'));
  command.addHelpText(
    'after',
    examples([
      ['tsbuild build -t app .', 'the Dockerfile of this folder, as app:latest'],
      ['tsbuild build -t app:1.0 -f docker/Dockerfile .', 'another Dockerfile, the same folder'],
      ['tsbuild build --target test --no-cache .', 'one stage, all of it anew'],
      ['tsbuild build --check .', 'look for likely mistakes only'],
      ['tsbuild build -q -f - . < Dockerfile', 'read the Dockerfile, print the id only'],
      ['tsbuild build https://git.example/app.git#v1:server', 'a folder of a repository at a tag'],
      ['tar c . | tsbuild build -', 'an archive on standard input'],
    ]),
  );
  return command.action(async (context: string, flags: BuildFlags) => {
    const call = parseCall(flags);
    if (call.method !== 'build') {
      status.code = await answerCall(command, call, { context, flags });
      return;
    }
    const progress = plainProgress((text) => {
      if (flags.quiet !== true) process.stderr.write(text);
    });
    try {
      await runBuild(command, { context, flags, progress });
    } catch (error) {
      showFailedOutput(progress);
      throw error;
    }
  });
}

async function answerCall(
  command: Command,
  call: Call,
  { context, flags }: { readonly context: string; readonly flags: BuildFlags },
): Promise<number> {
  const planning = await planningOptionsOf(flags);
  return runCall(call, { ...planning, root: storeRoot(command), context });
}

async function runBuild(
  command: Command,
  request: { readonly context: string; readonly flags: BuildFlags; readonly progress: Progress },
): Promise<void> {
  const { context, flags, progress } = request;
  const { build } = await import('../../build.ts');
  const { familiarName } = await import('../../oci/index.ts');
  // A script must not take the id of an earlier build for that of one that failed.
  if (flags.iidfile !== undefined) removeOutputFile(flags.iidfile);
  using interrupt = interruptSignal();
  const { image, names } = await build({
    ...(await planningOptionsOf(flags)),
    root: storeRoot(command),
    context,
    tags: flags.tag,
    labels: (flags.label ?? []).map(parseLabel),
    limits: limitsOf(command.opts()),
    jobs: flags.jobs === undefined ? undefined : parseJobs(flags.jobs),
    signal: interrupt.signal,
    emit: (event) => progress.handle(event),
  });
  if (flags.iidfile !== undefined) writeSmallFile(flags.iidfile, image.id);
  if (flags.quiet === true) process.stdout.write(`${image.id}\n`);
  else {
    const named = names.map((name) => `\n  as ${familiarName(name)}`).join('');
    process.stderr.write(`built ${image.id}${named}\n`);
  }
}

/** The end of the failed step's output once more, next to the error, where it is not lost among other steps' lines. */
function showFailedOutput(progress: Progress): void {
  const failure = progress.failure();
  if (failure === undefined || failure.lines.length === 0) return;
  const lines = failure.lines.map((line) => ` > ${line}\n`).join('');
  process.stderr.write(`------\n > ${failure.name}:\n${lines}------\n`);
}
