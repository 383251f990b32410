import { Option, type Command } from 'commander';

import { TsbuildError } from '../core/index.ts';
import type { Destination, ImageShape, OutgoingForm, OutputSpec } from '../output/types.ts';
import { deletionAllowed } from './build-values.ts';
import { collect } from './command.ts';

/** Where a build's result goes, and in what form. */
export interface OutputFlags {
  readonly output?: readonly string[];
  readonly push?: boolean;
  readonly load?: boolean;
  readonly compression?: string;
  readonly compressionLevel?: string;
  readonly forceCompression?: boolean;
  readonly annotation?: readonly string[];
  readonly squash?: 'new' | 'all';
  readonly sourceDateEpoch?: string;
  readonly timestamp?: string;
  readonly rewriteTimestamp?: boolean;
  readonly reproducible?: boolean;
  readonly iidfile?: string;
  readonly metadataFile?: string;
  readonly quiet?: boolean;
  readonly allow?: readonly string[];
}

export function addOutputOptions(command: Command): Command {
  return command
    .optionsGroup('Where the result goes, and in what form:')
    .option(
      '-o, --output <spec>',
      'a folder for the files, - for their tar, or type=image|registry|oci|docker|local|tar|cacheonly with options; repeatable (default: type=image, the store)',
      collect,
    )
    .option('--push', 'push the image to the registries of its names')
    .option('--load', 'hand the image to the container engine of this machine, too')
    .option(
      '--annotation <[level:]key=value>',
      'annotation of the manifest, or of the level; repeatable',
      collect,
    )
    .addOption(
      new Option(
        '--squash [new|all]',
        "make one layer of the build's own (default), or of all, those of the base included",
      ).choices(['new', 'all']),
    )
    .option(
      '--compression <form>',
      'how new layers are pushed and archived: gzip (default), zstd, estargz, zstd:chunked or uncompressed',
    )
    .option('--compression-level <level>', '1 to 9 for gzip and estargz, 1 to 22 for zstd')
    .option('--force-compression', 'pack the layers of the base so, too')
    .option(
      '--source-date-epoch <seconds>',
      'nothing the build makes is dated later; as the variable and build argument SOURCE_DATE_EPOCH',
    )
    .option('--rewrite-timestamp', 'nor the files in its layers')
    .option('--timestamp <seconds>', 'date all that the build makes so, the files in its layers included')
    .option('--reproducible', 'as --rewrite-timestamp, with 1970 where no time is given')
    .option('--iidfile <file>', 'write the image id to a file')
    .option('--metadata-file <file>', 'write what became of the build to a file, as JSON');
}

export interface OutputOptions {
  readonly outputs: readonly OutputSpec[];
  readonly shape: ImageShape;
}

/** Throws USAGE for values that make no sense, and for some that make none together. */
export async function outputOptionsOf(flags: OutputFlags): Promise<OutputOptions> {
  const { parseAnnotation, parseOutput } = await import('../output/index.ts');
  const deletesAnywhere = (flags.allow ?? []).flatMap((text) => text.split(',')).includes(deletionAllowed);
  const given = (flags.output ?? []).map((text) => {
    const spec = parseOutput(text);
    return spec.kind === 'local' ? { ...spec, deletesAnywhere } : spec;
  });
  const outputs = await formed(completed(given, flags, parseOutput), flags);
  const annotations = (flags.annotation ?? []).flatMap(parseAnnotation);
  if (annotations.length > 0 && outputs.some((spec) => 'form' in spec && spec.form.mediaTypes === 'docker')) {
    throw new TsbuildError('USAGE', "Docker's manifests carry no annotations", {
      hint: 'leave oci-mediatypes=false out',
    });
  }
  if (outputs.some((spec) => 'dest' in spec && isStandardOutput(spec.dest))) checkStandardOutput(flags);
  return { outputs, shape: { ...(await datesOf(flags)), squash: flags.squash, annotations } };
}

/** `--push` and `--load` say of the image of `--output` what they say, or are outputs of their own (C-12). */
function completed(
  given: readonly OutputSpec[],
  { push, load }: OutputFlags,
  parse: (text: string) => OutputSpec,
): readonly OutputSpec[] {
  const outputs = [...given];
  if (push === true) {
    const at = outputs.findIndex(({ kind }) => kind === 'image');
    const found = outputs[at];
    if (found?.kind === 'image') outputs[at] = { ...found, push: true };
    else outputs.push(parse('type=registry'));
  }
  const loads = outputs.some((spec) => spec.kind === 'docker' && spec.dest === undefined);
  if (load === true && !loads) outputs.push(parse('type=docker'));
  return outputs.length === 0 ? [parse('type=image')] : outputs;
}

/** The flags hold for every output that packs layers; what none of them says stays as the output has it. */
async function formed(outputs: readonly OutputSpec[], flags: OutputFlags): Promise<readonly OutputSpec[]> {
  const { compression, compressionLevel: level, forceCompression: force } = flags;
  if (compression === undefined && level === undefined && force !== true) return outputs;
  const { formOf, isSeekable } = await import('../output/index.ts');
  const formed = (form: OutgoingForm): OutgoingForm => {
    if (compression === undefined && level === undefined) return { ...form, force: true };
    // An archive for Docker is plain in all its layers, unless they are asked for in another form.
    const isPlain = form.compression === 'none' && compression !== 'uncompressed';
    const kept = isPlain ? { compression: 'gzip' as const, force: false } : form;
    const words = {
      compression: compression ?? kept.compression,
      level: level ?? levelOf(form, compression),
    };
    return formOf({ ...words, force: force ?? kept.force, ociMediaTypes: form.mediaTypes === 'oci' });
  };
  return outputs.map((spec) => {
    if (!('form' in spec)) return spec;
    const form = formed(spec.form);
    // An engine unpacks what it is given as a whole.
    return spec.kind === 'docker' && isSeekable(form.compression) ? spec : { ...spec, form };
  });
}

/** A level means something for its compression alone. */
function levelOf(form: OutgoingForm, compression: string | undefined): string | undefined {
  return compression === undefined || compression === form.compression ? form.level?.toString() : undefined;
}

function isStandardOutput(dest: Destination | string | undefined): boolean {
  return typeof dest === 'object' && dest.kind === 'stdout';
}

function checkStandardOutput({ quiet }: OutputFlags): void {
  if (process.stdout.isTTY) {
    throw new TsbuildError('USAGE', 'refusing to write an archive to a terminal', {
      hint: 'give dest=FILE, or redirect standard output',
    });
  }
  if (quiet === true) {
    throw new TsbuildError('USAGE', '--quiet prints the image id where the output goes: standard output', {
      hint: 'give dest=FILE, or --iidfile FILE and --progress none instead of --quiet',
    });
  }
}

async function datesOf(flags: OutputFlags): Promise<Pick<ImageShape, 'epoch' | 'rewrite'>> {
  const { parseEpoch } = await import('../output/index.ts');
  const { timestamp, sourceDateEpoch } = flags;
  if (timestamp === undefined) {
    const rewrites = flags.rewriteTimestamp === true || flags.reproducible === true;
    // A time of the environment or the Dockerfile goes before.
    return { epoch: flags.reproducible === true ? 0 : undefined, rewrite: rewrites ? 'clamp' : undefined };
  }
  if (sourceDateEpoch !== undefined) {
    throw new TsbuildError('USAGE', '--timestamp and --source-date-epoch exclude each other');
  }
  const epoch = parseEpoch(timestamp, '--timestamp');
  if (epoch === undefined) throw new TsbuildError('USAGE', '--timestamp: it is empty');
  return { epoch, rewrite: 'exact' };
}

/** `--source-date-epoch` is the build argument, which goes before it. Throws USAGE. */
export async function withSourceDateEpoch(
  buildArgs: ReadonlyMap<string, string>,
  { sourceDateEpoch }: OutputFlags,
): Promise<ReadonlyMap<string, string>> {
  if (sourceDateEpoch === undefined || buildArgs.has('SOURCE_DATE_EPOCH')) return buildArgs;
  const { parseEpoch } = await import('../output/index.ts');
  parseEpoch(sourceDateEpoch, '--source-date-epoch');
  return new Map([...buildArgs, ['SOURCE_DATE_EPOCH', sourceDateEpoch]]);
}
