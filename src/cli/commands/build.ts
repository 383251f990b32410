import { Option, type Command } from 'commander';

import type { BuildResult } from '../../build.ts';
import type { Isolation } from '../../runtime/index.ts';
import { removeOutputFile, writeSmallFile } from '../../sys/index.ts';
import { addAttestOptions, attestOptionsOf, type AttestFlags } from '../build-attest.ts';
import { metadataOf, outputLines, outputsJson } from '../build-metadata.ts';
import {
  addCompatibilityOption,
  checkCompatibility,
  type CompatibilityFlags,
} from '../build-compatibility.ts';
import { addCacheOptions, cacheOptionsOf, type CacheFlags } from '../build-cache.ts';
import {
  addOutputOptions,
  outputOptionsOf,
  withSourceDateEpoch,
  type OutputFlags,
} from '../build-outputs.ts';
import { addRunStepOptions } from '../build-runs.ts';
import { addSourceOptions } from '../build-sources.ts';
import { parseJobs, parseLabel } from '../build-values.ts';
import { parseCall, runCall, type Call, type CallFlags } from '../call.ts';
import { platformLines, platformsJson, resultId } from '../build-platforms.ts';
import { collect, examples, makeCommand } from '../command.ts';
import { writeToStderr } from '../error-output.ts';
import { interruptSignal } from '../interrupt.ts';
import { addLimitOptions, addResourceOption, limitsOf, type LimitFlags } from '../limits.ts';
import { addPlanningOptions, planningOptionsOf, type PlanningFlags } from '../planning-flags.ts';
import type { ExitStatusHolder } from '../program.ts';
import type { Progress } from '../progress/plain.ts';
import { progressOf, progressOption, progressStyle, type ProgressStyle } from '../progress/style.ts';
import { pushProgress } from '../push-progress.ts';
import { storeRoot } from '../root.ts';

interface BuildFlags
  extends CallFlags, PlanningFlags, LimitFlags, AttestFlags, OutputFlags, CacheFlags, CompatibilityFlags {
  readonly tag?: readonly string[];
  readonly label?: readonly string[];
  readonly jobs?: string;
  readonly isolation?: 'auto' | Isolation;
  readonly quiet?: boolean;
  readonly explain?: boolean;
  readonly progress?: ProgressStyle;
}

export function buildCommand(status: ExitStatusHolder): Command {
  const command = makeCommand('build', 'Build an image from a Dockerfile').option(
    '-t, --tag <name>',
    'name for the image, as app or app:1.0; repeatable',
    collect,
  );
  addPlanningOptions(command)
    .option('--label <name=value>', 'label of the image; repeatable', collect)
    .addOption(
      new Option(
        '--isolation <mode>',
        'what RUN steps are kept apart by; auto is namespaces where they can be had',
      )
        .choices(['auto', 'namespaces', 'chroot'])
        .env('TSBUILD_ISOLATION'),
    )
    .option('--jobs <number>', 'steps that run at once (default: twice the number of processors, 4 at least)')
    .option('--check', 'find likely mistakes in the Dockerfile and build nothing')
    .option(
      '--call <method>',
      'check, outline (what the target can be given), targets (the stages) or build; METHOD,format=json',
    )
    .addOption(new Option('--format <style>', 'what --call and --check print').choices(['text', 'json']))
    .option('--explain', 'say of each step that runs why the cache did not answer')
    .option('-q, --quiet', 'print nothing but the image id, on standard output')
    .addOption(progressOption());
  addOutputOptions(command);
  addCompatibilityOption(command);
  addAttestOptions(command);
  addCacheOptions(command);
  addRunStepOptions(command.optionsGroup('RUN steps, which run anew with other flags of these:'));
  addSourceOptions(command.optionsGroup('Sources:'));
  addResourceOption(
    addLimitOptions(command.optionsGroup('Limits of RUN steps, which never make a step run anew:')),
  );
  command.addHelpText(
    'after',
    examples([
      ['tsbuild build -t app .', 'the Dockerfile of this folder, as app:latest'],
      ['tsbuild build -t app:1.0 -f docker/Dockerfile .', 'another Dockerfile, the same folder'],
      ['tsbuild build --target test --no-cache .', 'one stage, all of it anew'],
      ['tsbuild build --explain .', 'and say why steps run that ran before'],
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
    const style = progressStyle(flags);
    const progress = progressOf(style, writeToStderr, { explain: flags.explain });
    try {
      await runBuild(command, { context, flags, style, progress });
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
  const planning = await planningOptionsOf(flags, context);
  const request = { ...planning, platform: planning.platforms?.[0] };
  return runCall(call, { ...request, root: storeRoot(command), context });
}

async function runBuild(
  command: Command,
  request: {
    readonly context: string;
    readonly flags: BuildFlags;
    readonly style: ProgressStyle;
    readonly progress: Progress;
  },
): Promise<void> {
  const { context, flags, style, progress } = request;
  checkCompatibility(flags);
  const { build } = await import('../../build.ts');
  // A script must not take the id of an earlier build for that of one that failed.
  for (const file of [flags.iidfile, flags.metadataFile]) if (file !== undefined) removeOutputFile(file);
  using interrupt = interruptSignal();
  const planning = await planningOptionsOf(flags, context);
  const result = await build({
    ...planning,
    buildArgs: await withSourceDateEpoch(planning.buildArgs, flags),
    ...(await outputOptionsOf(flags)),
    attestations: attestOptionsOf(flags),
    ...(await cacheOptionsOf(flags)),
    root: storeRoot(command),
    context,
    tags: flags.tag,
    labels: (flags.label ?? []).map(parseLabel),
    limits: limitsOf(flags),
    isolation: flags.isolation,
    jobs: flags.jobs === undefined ? undefined : parseJobs(flags.jobs),
    signal: interrupt.signal,
    emit: (event) => progress.handle(event),
    onPush: style === 'auto' || style === 'plain' ? pushProgress() : undefined,
  });
  if (flags.iidfile !== undefined) writeSmallFile(flags.iidfile, resultId(result));
  if (flags.metadataFile !== undefined) {
    writeSmallFile(flags.metadataFile, `${JSON.stringify(metadataOf(result), undefined, 2)}\n`);
  }
  await tellResult(style, result);
}

async function tellResult(style: ProgressStyle, result: BuildResult): Promise<void> {
  const { names, steps } = result;
  const image = resultId(result);
  switch (style) {
    case 'auto':
    case 'plain': {
      const { familiarName } = await import('../../oci/index.ts');
      const named = names.map((name) => `\n  as ${familiarName(name)}`).join('');
      writeToStderr(`built ${image}${await platformLines(result)}${named}${outputLines(result.outputs)}\n`);
      return;
    }
    case 'rawjson':
      writeToStderr(
        `${JSON.stringify({ result: { image, ...(await platformsJson(result)), names, outputs: outputsJson(result.outputs), steps } })}\n`,
      );
      return;
    case 'quiet':
      process.stdout.write(`${image}\n`);
      return;
    case 'none':
      return;
  }
}

/** The end of the failed step's output once more, next to the error, where it is not lost among other steps' lines. */
function showFailedOutput(progress: Progress): void {
  const failure = progress.failure();
  if (failure === undefined || failure.lines.length === 0) return;
  const lines = failure.lines.map((line) => ` > ${line}\n`).join('');
  writeToStderr(`------\n > ${failure.name}:\n${lines}------\n`);
}
