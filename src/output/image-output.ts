import { TsbuildError } from '../core/index.ts';
import { keepImage, nameTarget, pushImage } from '../image/index.ts';
import type { Store } from '../store/index.ts';
import { packingFor } from './archive-output.ts';
import { fullNames } from './names.ts';
import { onlyImage } from './only-image.ts';
import type { BuiltImages, OutputSpec, WrittenOutput } from './types.ts';
import type { OutputWork } from './work.ts';

type ImageSpec = Extract<OutputSpec, { kind: 'image' }>;

/** Into the store under its names, and to their registries when they are to be pushed (O-01). */
export async function writeImageOutput(
  spec: ImageSpec,
  built: BuiltImages,
  work: OutputWork,
): Promise<WrittenOutput> {
  const { store, signal, onPush } = work;
  const names = namesFor(spec, work.names);
  // A name that is pushed without its tag would be a tag of the store's alone.
  const tags = spec.byDigest ? [] : names;
  const kept = spec.store ? await keepBuilt(store, built, tags) : tags;
  const written = { kind: 'image' as const, names: kept };
  const target = built.index ?? onlyImage(built).image.descriptor;
  if (!spec.push) return { ...written, descriptor: target, repoDigests: [] };
  // What has been built is safe before it travels.
  await store.settle();
  const repoDigests: string[] = [];
  let descriptor = target;
  for (const name of names) {
    const pushed = await pushImage(store, name, {
      image: spec.store && !spec.byDigest ? undefined : target,
      byDigest: spec.byDigest,
      ...packingFor(spec.form),
      signal,
      onProgress: onPush,
    });
    descriptor = pushed.manifest;
    repoDigests.push(pushed.repoDigest);
  }
  return { ...written, descriptor, repoDigests };
}

/** The names of several images are those of their index. */
async function keepBuilt(
  store: Store,
  built: BuiltImages,
  names: readonly string[],
): Promise<readonly string[]> {
  const { index } = built;
  if (index === undefined) return keepImage(store, onlyImage(built).image, names);
  for (const { image } of built.images) await keepImage(store, image, []);
  const full: string[] = [];
  for (const name of names) full.push(await nameTarget(store, index, name));
  return full;
}

/** The output's own names and those of the build. Throws USAGE when there is none to push to. */
export function namesFor(spec: ImageSpec, common: readonly string[]): readonly string[] {
  const names = fullNames([...common, ...spec.names]);
  if (names.length > 0 || !spec.push) return names;
  throw new TsbuildError('USAGE', 'there is no name to push to', { hint: 'add -t REGISTRY/REPOSITORY:TAG' });
}
