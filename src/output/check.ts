import { statSync } from 'node:fs';
import { dirname } from 'node:path';

import { TsbuildError } from '../core/index.ts';
import { parseReference } from '../oci/index.ts';
import { checkPushAccess } from '../registry/index.ts';
import { checkAnnotations } from './annotations.ts';
import { namesFor } from './image-output.ts';
import { shapeOf } from './shape.ts';
import type { Destination, ImageShape, OutputSpec } from './types.ts';

export interface CheckOptions {
  readonly names: readonly string[];
  readonly shape: ImageShape;
  /** Several platforms were asked for, or an index of one. */
  readonly indexed: boolean;
  readonly signal: AbortSignal;
}

/** What can be known to fail is told before the build's first step. Throws USAGE, IO_ERROR and the REGISTRY_ codes. */
export async function checkOutputs(
  outputs: readonly OutputSpec[],
  { names, shape, indexed, signal }: CheckOptions,
): Promise<void> {
  for (const name of names) parseReference(name);
  const streams = outputs.filter((spec) => 'dest' in spec && isStdout(spec.dest));
  if (streams.length > 1) throw new TsbuildError('USAGE', 'only one output can go to standard output');
  for (const spec of outputs) {
    checkAnnotations(shapeOf(spec, shape).annotations, { indexed });
    if ('dest' in spec && typeof spec.dest === 'object' && spec.dest.kind === 'file') {
      checkFolderOf(spec.dest.path);
    }
  }
  const pushed = outputs.flatMap((spec) => (spec.kind === 'image' && spec.push ? namesFor(spec, names) : []));
  const repositories = new Map(
    pushed
      .map(parseReference)
      .map((reference) => [`${reference.registry}/${reference.repository}`, reference]),
  );
  for (const reference of repositories.values()) await checkPushAccess(reference, { signal });
}

function isStdout(dest: Destination | string | undefined): boolean {
  return typeof dest === 'object' && dest.kind === 'stdout';
}

function checkFolderOf(path: string): void {
  const folder = dirname(path);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return;
  throw new TsbuildError('IO_ERROR', `cannot write ${path}: there is no folder ${folder}`);
}
