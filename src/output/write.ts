import { writeDockerOutput, writeOciOutput } from './archive-output.ts';
import { writeImageOutput } from './image-output.ts';
import { writeLoadOutput } from './load-output.ts';
import { writeLocalOutput } from './local-output.ts';
import { writeTarOutput } from './tar-output.ts';
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
    case 'local':
      return writeLocalOutput(spec, built, work);
    case 'tar':
      return writeTarOutput(spec, built, work);
    case 'oci':
      return writeOciOutput(spec, built, work);
    case 'docker':
      return spec.dest === undefined
        ? writeLoadOutput(spec, built, work)
        : writeDockerOutput({ ...spec, dest: spec.dest }, built, work);
    case 'cacheonly':
      return { kind: 'cacheonly', names: [], descriptor: undefined, repoDigests: [] };
  }
}
