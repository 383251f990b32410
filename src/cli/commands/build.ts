import { Option, type Command } from 'commander';

import type { RunNetwork } from '../../graph/index.ts';
import { parseBuildArgs, parseJobs, parseLabel, parseSecret } from '../build-values.ts';
import { parseCall, runCall, type Call, type CallFlags } from '../call.ts';
import { collect, examples, makeCommand } from '../command.ts';
import { interruptSignal } from '../interrupt.ts';
import { addLimitOptions, limitsOf } from '../limits.ts';
import { removeOutputFile, writeSmallFile } from '../output-file.ts';
import type { ExitStatusHolder } from '../program.ts';
import { plainProgress, type Progress } from '../progress/plain.ts';
import { storeRoot } from '../root.ts';

interface BuildFlags extends CallFlags {
  readonly tag?: readonly string[];
  readonly file?: string;
  readonly buildArg?: readonly string[];
  readonly target?: string;
  readonly cache: boolean;
  readonly pull?: boolean;
  readonly label?: readonly string[];
  readonly network: RunNetwork;
  readonly platform?: string;
  readonly secret?: readonly string[];
  readonly jobs?: string;
  readonly iidfile?: string;
  readonly quiet?: boolean;
}

export function buildCommand(status: ExitStatusHolder): Command {
  const command = makeCommand('build', 'Build an image from a Dockerfile and a folder')
    .argument('<context>', 'folder that COPY and ADD take files from; . is the current one')
    .option('-t, --tag <name>', 'name for the image, as app or app:1.0; repeatable', collect)
    .option('-f, --file <path>', 'the Dockerfile; -: standard input (default: Dockerfile of the context)')
    .option(
      '--build-arg <name[=value]>',
      'value of an ARG (default: of the environment); repeatable',
      collect,
    )
    .option('--target <stage>', 'stage to build (default: the last)')
    .option('--no-cache', 'run every step anew; the results are still kept')
    .option('--pull', 'ask the registry for base images even when the store has them')
    .option('--label <name=value>', 'label of the image; repeatable', collect)
    .option('--platform <platform>', 'platform of the base images, as linux/amd64')
    .option(
      '--secret <spec>',
      'for RUN --mount=type=secret: id=NAME,src=FILE or id=NAME,env=VARIABLE; repeatable',
      collect,
    )
    .addOption(
      new Option('--network <default|host|none>', "network of RUN steps; default is the host's own, too")
        .choices(['default', 'host', 'none'])
        .default('default'),
    )
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
      ['tsbuild build -t app .', 'build the Dockerfile of this folder as app:latest'],
      ['tsbuild build -t app:1.0 -f docker/Dockerfile .', 'another Dockerfile, the same folder'],
      ['tsbuild build --target test --no-cache .', 'one stage, all of it anew'],
      ['tsbuild build --check .', 'look for likely mistakes only'],
      ['tsbuild build -q -f - . < Dockerfile', 'read the Dockerfile, print the id only'],
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
  const { parsePlatform } = await import('../../oci/index.ts');
  return runCall(call, {
    root: storeRoot(command),
    context,
    file: flags.file,
    buildArgs: parseBuildArgs(flags.buildArg ?? []),
    target: flags.target,
    platform: flags.platform === undefined ? undefined : parsePlatform(flags.platform),
  });
}

async function runBuild(
  command: Command,
  request: { readonly context: string; readonly flags: BuildFlags; readonly progress: Progress },
): Promise<void> {
  const { context, flags, progress } = request;
  const { build } = await import('../../build.ts');
  const { familiarName, parsePlatform } = await import('../../oci/index.ts');
  // A script must not take the id of an earlier build for that of one that failed.
  if (flags.iidfile !== undefined) removeOutputFile(flags.iidfile);
  using interrupt = interruptSignal();
  const { image, names } = await build({
    root: storeRoot(command),
    context,
    file: flags.file,
    tags: flags.tag,
    buildArgs: parseBuildArgs(flags.buildArg ?? []),
    target: flags.target,
    platform: flags.platform === undefined ? undefined : parsePlatform(flags.platform),
    noCache: !flags.cache,
    pull: flags.pull,
    labels: (flags.label ?? []).map(parseLabel),
    network: flags.network,
    secrets: new Map((flags.secret ?? []).map(parseSecret)),
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
