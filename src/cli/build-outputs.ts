import { Option, type Command } from 'commander';

import { TsbuildError } from '../core/index.ts';
import type { ImageShape, OutgoingForm, OutputSpec } from '../output/types.ts';
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
      '--compression <gzip|zstd|uncompressed>',
      'how new layers are pushed and archived (default: gzip)',
    )
    .option('--compression-level <level>', '1 to 9 for gzip, 1 to 22 for zstd')
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
  const { formOf, parseAnnotation, parseOutput } = await import('../output/index.ts');
  const form = formOf({
    compression: flags.compression,
    level: flags.compressionLevel,
    force: flags.forceCompression,
  });
  const isFormed =
    flags.compression !== undefined ||
    flags.compressionLevel !== undefined ||
    flags.forceCompression === true;
  const outputs = completed((flags.output ?? []).map(parseOutput), flags, form).map((spec) =>
    isFormed && 'form' in spec ? { ...spec, form: { ...form, mediaTypes: spec.form.mediaTypes } } : spec,
  );
  const annotations = (flags.annotation ?? []).flatMap(parseAnnotation);
  if (annotations.length > 0 && outputs.some((spec) => 'form' in spec && spec.form.mediaTypes === 'docker')) {
    throw new TsbuildError('USAGE', "Docker's manifests carry no annotations", {
      hint: 'leave oci-mediatypes=false out',
    });
  }
  return { outputs, shape: { ...(await datesOf(flags)), squash: flags.squash, annotations } };
}

/** `--push` and `--load` say of the image of `--output` what they say, or are outputs of their own (C-12). */
function completed(
  given: readonly OutputSpec[],
  flags: OutputFlags,
  form: OutgoingForm,
): readonly OutputSpec[] {
  const outputs = [...given];
  const parts = { names: [], form, shape: {} };
  const image = { ...parts, kind: 'image', store: true, push: flags.push === true, byDigest: false } as const;
  if (flags.push === true) {
    const at = outputs.findIndex(({ kind }) => kind === 'image');
    const found = outputs[at];
    if (found?.kind === 'image') outputs[at] = { ...found, push: true };
    else outputs.push(image);
  }
  const loads = outputs.some((spec) => spec.kind === 'docker' && spec.dest === undefined);
  if (flags.load === true && !loads) outputs.push({ ...parts, kind: 'docker', dest: undefined });
  return outputs.length === 0 ? [image] : outputs;
}

async function datesOf(flags: OutputFlags): Promise<Pick<ImageShape, 'epoch' | 'rewrite'>> {
  const { parseEpoch } = await import('../output/index.ts');
  const { timestamp, sourceDateEpoch } = flags;
  if (timestamp !== undefined) {
    if (sourceDateEpoch !== undefined) {
      throw new TsbuildError('USAGE', '--timestamp and --source-date-epoch exclude each other');
    }
    return { epoch: parseEpoch(timestamp, '--timestamp'), rewrite: 'exact' };
  }
  const epoch =
    sourceDateEpoch === undefined ? undefined : parseEpoch(sourceDateEpoch, '--source-date-epoch');
  const rewrites = flags.rewriteTimestamp === true || flags.reproducible === true;
  return { epoch, rewrite: rewrites ? 'clamp' : undefined };
}
