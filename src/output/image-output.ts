import { TsbuildError, type Digest } from '../core/index.ts';
import { keepAttestations, keepImage, nameTarget, pushImage, type KeptImage } from '../image/index.ts';
import { parseReference, repositoryName } from '../oci/index.ts';
import { registrySettings, registryVariables } from '../registry/index.ts';
import type { RegistrySettings } from '../registry/settings.ts';
import type { Store } from '../store/index.ts';
import { packingFor } from './archive-output.ts';
import { fullNames } from './names.ts';
import { onlyImage } from './only-image.ts';
import type { BuiltImage, BuiltImages, OutputSpec, WrittenOutput } from './types.ts';
import type { OutputWork } from './work.ts';

type ImageSpec = Extract<OutputSpec, { kind: 'image' }>;

/** Into the store under its names, and to their registries when they are to be pushed (O-01). */
export async function writeImageOutput(
  spec: ImageSpec,
  built: BuiltImages,
  work: OutputWork,
): Promise<WrittenOutput> {
  const { store, signal, emit, onPush } = work;
  const names = namesFor(spec, work.names);
  // A name that is pushed without its tag would be a tag of the store's alone.
  const tags = spec.byDigest ? [] : names;
  const kept = spec.store ? await keepBuilt(store, built, tags) : undefined;
  const written = { kind: 'image' as const, names: kept?.names ?? tags };
  const target = kept?.manifest ?? built.index ?? onlyImage(built).image.descriptor;
  if (!spec.push) return { ...written, descriptor: target, repoDigests: [] };
  // The disk works while it travels.
  await store.settleAside();
  const repoDigests: string[] = [];
  let descriptor = target;
  let config: Digest | undefined;
  for (const [name, moreTags] of byRepository(names)) {
    const pushed = await pushImage(store, name, {
      moreTags,
      // Never what the name points to: another build may have moved it meanwhile.
      image: target,
      byDigest: spec.byDigest,
      attestations: new Map(built.images.map(({ image, attestations }) => [image.id, attestations])),
      ...packingFor(spec.form),
      settings: settingsFor(spec, names),
      signal,
      onProgress: onPush,
      onWarning: (message) => emit({ type: 'warning', message }),
    });
    descriptor = pushed.manifest;
    config = pushed.config;
    repoDigests.push(...[name, ...moreTags].map(() => pushed.repoDigest));
  }
  return { ...written, descriptor, config, repoDigests };
}

/** Content goes to a repository once, whatever tags it gets there: by the first name of each, the tags of its others. */
function byRepository(names: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const groups = Map.groupBy(names, (name) => repositoryName(parseReference(name)));
  return new Map(
    [...groups.values()].flatMap(([first, ...others]) =>
      first === undefined ? [] : [[first, others.flatMap((name) => parseReference(name).tag ?? [])]],
    ),
  );
}

/** The names of several images are those of their index. */
async function keepBuilt(store: Store, built: BuiltImages, names: readonly string[]): Promise<KeptImage> {
  const { index } = built;
  if (index === undefined) return keepOne(store, onlyImage(built), names);
  for (const image of built.images) await keepOne(store, image, []);
  const full: string[] = [];
  for (const name of names) full.push(await nameTarget(store, index, name));
  return { names: full, manifest: index };
}

/** With what is said of it, if something is: an earlier build's word is not this one's. */
export async function keepOne(
  store: Store,
  { image, attestations }: BuiltImage,
  names: readonly string[],
): Promise<KeptImage> {
  const kept = await keepImage(store, image, names);
  await keepAttestations(store, image.id, attestations);
  return kept;
}

/** The output's own names and those of the build. Throws USAGE when there is none to push to. */
export function namesFor(spec: ImageSpec, common: readonly string[]): readonly string[] {
  const names = fullNames([...common, ...spec.names]);
  if (names.length > 0 || !spec.push) return names;
  throw new TsbuildError('USAGE', 'there is no name to push to', { hint: 'add -t REGISTRY/REPOSITORY:TAG' });
}

/** As the machine has them, and for `registry.insecure` what the user says of these registries by name. */
export function settingsFor({ insecure }: ImageSpec, names: readonly string[]): RegistrySettings {
  if (!insecure) return registrySettings();
  const hosts = names.map((name) => parseReference(name).registry);
  const { insecure: variable } = registryVariables;
  const known = process.env[variable] ?? '';
  return registrySettings({
    environment: { ...process.env, [variable]: [known, ...hosts].join(',') },
  });
}
