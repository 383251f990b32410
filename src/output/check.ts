import { statSync } from 'node:fs';
import { dirname } from 'node:path';

import { TsbuildError } from '../core/index.ts';
import { checkTag } from '../image/index.ts';
import { parseReference, repositoryName } from '../oci/index.ts';
import { checkPushAccess } from '../registry/index.ts';
import { checkAnnotations } from './annotations.ts';
import { checkDeletion, type Precious } from './delete-guard.ts';
import { namesFor, settingsFor } from './image-output.ts';
import { severalPlatforms } from './only-image.ts';
import { shapeOf } from './shape.ts';
import type { Destination, ImageShape, OutputSpec } from './types.ts';

export interface CheckOptions {
  readonly names: readonly string[];
  readonly shape: ImageShape;
  /** Several platforms were asked for, or an index of one. */
  readonly indexed: boolean;
  /** Folders that no output may empty, by what they are. */
  readonly precious: Precious['folders'];
  readonly signal: AbortSignal;
}

/** What can be known to fail is told before the build's first step. Throws USAGE, IO_ERROR and the REGISTRY_ codes. */
export async function checkOutputs(outputs: readonly OutputSpec[], options: CheckOptions): Promise<void> {
  const given = outputs.flatMap((spec) => ('names' in spec ? spec.names : []));
  for (const name of [...options.names, ...given]) checkTag(name);
  const streams = outputs.filter((spec) => 'dest' in spec && isStdout(spec.dest));
  if (streams.length > 1) throw new TsbuildError('USAGE', 'only one output can go to standard output');
  for (const spec of outputs) checkOutput(spec, options);
  for (const spec of outputs) if (spec.kind === 'image' && spec.push) await checkAccess(spec, options);
}

/** One tag stands for its repository. */
async function checkAccess(
  spec: Extract<OutputSpec, { kind: 'image' }>,
  { names, signal }: CheckOptions,
): Promise<void> {
  const pushed = namesFor(spec, names);
  const settings = settingsFor(spec, pushed);
  const repositories = new Map(
    pushed.map(parseReference).map((reference) => [repositoryName(reference), reference]),
  );
  for (const reference of repositories.values()) await checkPushAccess(reference, { signal, settings });
}

function checkOutput(spec: OutputSpec, { shape, indexed, precious }: CheckOptions): void {
  checkAnnotations(shapeOf(spec, shape).annotations, { indexed });
  switch (spec.kind) {
    case 'docker':
      if (indexed) throw severalPlatforms(spec.dest === undefined ? '--load' : 'type=docker');
      if (spec.dest !== undefined) checkFile(spec.dest);
      return;
    case 'oci':
      if (spec.tar) checkFile(spec.dest);
      else if (spec.dest.kind === 'file') checkFolder(spec.dest.path);
      return;
    case 'tar':
      checkFile(spec.dest);
      return;
    case 'local':
      checkFolder(spec.dest);
      if (spec.mode === 'delete') {
        checkDeletion(spec.dest, { folders: precious, anywhere: spec.deletesAnywhere });
      }
      return;
    case 'image':
    case 'cacheonly':
      return;
  }
}

function isStdout(dest: Destination | string | undefined): boolean {
  return typeof dest === 'object' && dest.kind === 'stdout';
}

function checkFile(dest: Destination): void {
  if (dest.kind === 'stdout') return;
  const folder = dirname(dest.path);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new TsbuildError('IO_ERROR', `cannot write ${dest.path}: there is no folder ${folder}`);
  }
  if (statSync(dest.path, { throwIfNoEntry: false })?.isDirectory() !== true) return;
  throw new TsbuildError('IO_ERROR', `cannot write ${dest.path}: it is a folder`);
}

function checkFolder(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || stat.isDirectory()) return;
  throw new TsbuildError('IO_ERROR', `cannot write into ${path}: it is no folder`, {
    hint: 'a file system as one file is type=tar',
  });
}
