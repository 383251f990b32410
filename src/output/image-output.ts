import { TsbuildError } from '../core/index.ts';
import { keepImage, pushImage, type PushImageOptions } from '../image/index.ts';
import { formatReference, parseReference } from '../oci/index.ts';
import { onlyImage } from './only-image.ts';
import type { BuiltImages, OutgoingForm, OutputSpec, WrittenOutput } from './types.ts';
import type { OutputWork } from './work.ts';

type ImageSpec = Extract<OutputSpec, { kind: 'image' }>;

/** Into the store under its names, and to their registries when they are to be pushed (O-01). */
export async function writeImageOutput(
  spec: ImageSpec,
  built: BuiltImages,
  work: OutputWork,
): Promise<WrittenOutput> {
  const { store, signal, onPush } = work;
  const { image } = onlyImage(built);
  const names = namesFor(spec, work.names);
  // A name that is pushed without its tag would be a tag of the store's alone.
  const tags = spec.byDigest ? [] : names;
  const kept = spec.store ? await keepImage(store, image, tags) : tags.map(fullName);
  const written = { kind: 'image' as const, names: kept };
  if (!spec.push) return { ...written, descriptor: image.descriptor, repoDigests: [] };
  // What has been built is safe before it travels.
  await store.settle();
  const repoDigests: string[] = [];
  let descriptor = image.descriptor;
  for (const name of names) {
    const pushed = await pushImage(store, name, {
      image: spec.store && !spec.byDigest ? undefined : image.descriptor,
      byDigest: spec.byDigest,
      ...pushForm(spec.form),
      signal,
      onProgress: onPush,
    });
    descriptor = pushed.manifest;
    repoDigests.push(pushed.repoDigest);
  }
  return { ...written, descriptor, repoDigests };
}

/** The output's own names and those of the build, without doubles. Throws USAGE when there is none to push to. */
export function namesFor(spec: ImageSpec, common: readonly string[]): readonly string[] {
  const names = new Map([...common, ...spec.names].map((name) => [fullName(name), name]));
  if (spec.push && names.size === 0) {
    throw new TsbuildError('USAGE', 'there is no name to push to', {
      hint: 'add -t REGISTRY/REPOSITORY:TAG',
    });
  }
  return [...names.keys()];
}

function fullName(name: string): string {
  return formatReference(parseReference(name));
}

/** What is not asked for is left to the push: an image that came from a registry then goes byte for byte. */
function pushForm({ compression, level, force, mediaTypes }: OutgoingForm): PushImageOptions {
  if (compression === 'gzip' && level === undefined && !force) return { mediaTypes };
  return { form: { compression, level }, plainOnly: !force, mediaTypes };
}
