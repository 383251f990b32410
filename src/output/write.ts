import { TsbuildError } from '../core/index.ts';
import { writeImageOutput } from './image-output.ts';
import type { BuiltImages, OutputSpec, WrittenOutput } from './types.ts';
import type { OutputWork } from './work.ts';

/** Writes what a build came to where it is to go. What was begun and fails leaves nothing half-written behind. */
export async function writeOutput(
  spec: OutputSpec,
  built: BuiltImages,
  work: OutputWork,
): Promise<WrittenOutput> {
  work.signal.throwIfAborted();
  switch (spec.kind) {
    case 'image':
      return writeImageOutput(spec, built, work);
    case 'oci':
    case 'docker':
    case 'local':
    case 'tar':
      throw new TsbuildError('USAGE', `the output ${spec.kind} is not there`);
    case 'cacheonly':
      return { kind: 'cacheonly', names: [], descriptor: undefined, repoDigests: [] };
  }
}
