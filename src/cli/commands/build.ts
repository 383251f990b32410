import { renameSync, writeFileSync } from 'node:fs';

import { Command, Option } from 'commander';

import { TsbuildError } from '../../core/index.ts';
import type { SecretSource } from '../../ops/index.ts';
import type { RunNetwork } from '../../graph/index.ts';
import { interruptSignal } from '../interrupt.ts';
import { addLimitOptions, collect, limitsOf } from '../limits.ts';
import { plainProgress, type Progress } from '../progress/plain.ts';
import { storeRoot } from '../root.ts';

interface BuildFlags {
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

export function buildCommand(): Command {
  const command = new Command('build')
    .description('build an image from a Dockerfile and a folder')
    .argument('<context>', 'folder that COPY and ADD take files from')
    .option('--root <dir>', 'folder of the store')
    .option('-t, --tag <name>', 'name for the image, as app or app:1.0 (repeatable)', collect)
    .option('-f, --file <path>', 'the Dockerfile; - is standard input (default: Dockerfile in the context)')
    .option(
      '--build-arg <name[=value]>',
      'value of an ARG; without a value, that of the environment (repeatable)',
      collect,
    )
    .option('--target <stage>', 'stage to build (default: the last)')
    .option('--no-cache', 'run every step anew; results are still saved')
    .option('--pull', 'ask the registry for base images even when the store has them')
    .option('--label <name=value>', 'label of the image (repeatable)', collect)
    .option('--platform <platform>', 'platform of the base images, as linux/amd64')
    .option(
      '--secret <spec>',
      'secret for RUN --mount=type=secret, as id=name,src=file or id=name,env=VAR (repeatable)',
      collect,
    )
    .addOption(
      new Option('--network <mode>', "network of RUN steps; default is the host's own network")
        .choices(['default', 'host', 'none'])
        .default('default'),
    )
    .option('--jobs <number>', 'steps that run at once (default: number of processors)')
    .option('--iidfile <file>', 'write the image id to a file')
    .option('-q, --quiet', 'print the image id only')
    .addOption(
      new Option('--progress <style>', 'style of the progress').choices(['auto', 'plain']).default('auto'),
    );
  return addLimitOptions(command).action(async (context: string, flags: BuildFlags) => {
    const progress = plainProgress((text) => {
      if (flags.quiet !== true) process.stderr.write(text);
    });
    await runBuild(command, { context, flags, progress });
  });
}

async function runBuild(
  command: Command,
  request: { readonly context: string; readonly flags: BuildFlags; readonly progress: Progress },
): Promise<void> {
  const { context, flags, progress } = request;
  const { build } = await import('../../build.ts');
  const { familiarName, parsePlatform } = await import('../../oci/index.ts');
  using interrupt = interruptSignal();
  try {
    const { image, names } = await build({
      root: storeRoot(command),
      context,
      file: flags.file,
      tags: flags.tag,
      buildArgs: buildArgs(flags.buildArg ?? []),
      target: flags.target,
      platform: flags.platform === undefined ? undefined : parsePlatform(flags.platform),
      noCache: !flags.cache,
      pull: flags.pull,
      labels: (flags.label ?? []).map(splitLabel),
      network: flags.network,
      secrets: new Map((flags.secret ?? []).map(parseSecret)),
      limits: limitsOf(command.opts()),
      jobs: flags.jobs === undefined ? undefined : parseJobs(flags.jobs),
      signal: interrupt.signal,
      emit: (event) => progress.handle(event),
    });
    if (flags.iidfile !== undefined) writeWhole(flags.iidfile, image.id);
    if (flags.quiet === true) process.stdout.write(`${image.id}\n`);
    else
      process.stderr.write(
        `built ${image.id}${names.map((name) => `\n  as ${familiarName(name)}`).join('')}\n`,
      );
  } catch (error) {
    showFailedOutput(progress);
    throw error;
  }
}

/** The end of the failed step's output once more, next to the error, where it is not lost among other steps' lines. */
function showFailedOutput(progress: Progress): void {
  const failure = progress.failure();
  if (failure === undefined || failure.lines.length === 0) return;
  const lines = failure.lines.map((line) => ` > ${line}\n`).join('');
  process.stderr.write(`------\n > ${failure.name}:\n${lines}------\n`);
}

/** `K=V`, or `K` for the value of the environment; unset there, it stays unset (L-086). */
function buildArgs(values: readonly string[]): ReadonlyMap<string, string> {
  const result = new Map<string, string>();
  for (const text of values) {
    const equals = text.indexOf('=');
    const name = equals < 0 ? text : text.slice(0, equals);
    const value = equals < 0 ? process.env[name] : text.slice(equals + 1);
    if (name === '')
      throw new TsbuildError('USAGE', `--build-arg: invalid value ${JSON.stringify(text)}`, {
        hint: 'expected NAME=VALUE',
      });
    if (value !== undefined) result.set(name, value);
  }
  return result;
}

function splitLabel(text: string): readonly [string, string] {
  const equals = text.indexOf('=');
  if (equals === 0 || text === '')
    throw new TsbuildError('USAGE', `--label: invalid value ${JSON.stringify(text)}`, {
      hint: 'expected NAME=VALUE',
    });
  return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
}

/** `id=x[,src=file|source=file][,env=VAR][,type=file|env]`; without source, the variable of that name, else the file (C-15). */
function parseSecret(text: string): readonly [string, SecretSource] {
  const fields = new Map(
    text
      .split(',')
      .map((field) => [
        field.slice(0, field.indexOf('=')).toLowerCase(),
        field.slice(field.indexOf('=') + 1),
      ]),
  );
  const id = fields.get('id');
  const unknown = [...fields.keys()].find((name) => !['id', 'src', 'source', 'env', 'type'].includes(name));
  if (id === undefined || id === '' || unknown !== undefined) {
    throw new TsbuildError('USAGE', `--secret: invalid value ${JSON.stringify(text)}`, {
      hint: 'expected id=NAME,src=FILE or id=NAME,env=VARIABLE',
    });
  }
  const path = fields.get('src') ?? fields.get('source');
  const name = fields.get('env') ?? (fields.get('type') === 'env' ? (path ?? id) : undefined);
  if (name !== undefined) return [id, { kind: 'env', name }];
  if (path === undefined && fields.get('type') !== 'file' && process.env[id] !== undefined)
    return [id, { kind: 'env', name: id }];
  return [id, { kind: 'file', path: path ?? id }];
}

function parseJobs(text: string): number {
  const jobs = Number(text);
  if (Number.isInteger(jobs) && jobs > 0) return jobs;
  throw new TsbuildError('USAGE', `--jobs: invalid value ${JSON.stringify(text)}`, {
    hint: 'expected a number from 1',
  });
}

/** Through a temporary file: a script that waits for the file never reads half an id. */
function writeWhole(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}
