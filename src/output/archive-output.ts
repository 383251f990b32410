import { join } from 'node:path';

import {
  packImage,
  packIndex,
  layoutLock,
  writeLayoutFolder,
  writePackedArchive,
  type PackedImage,
  type PackedResult,
  type PackImageOptions,
  type PackingOptions,
} from '../image/index.ts';
import type { Store } from '../store/index.ts';
import { annotationsOf } from './annotations.ts';
import { placeOf, writeTo } from './destination.ts';
import { fullNames } from './names.ts';
import { takeLock } from '../sys/index.ts';
import { onlyImage } from './only-image.ts';
import type {
  BuiltImage,
  BuiltImages,
  Destination,
  OutgoingForm,
  OutputSpec,
  WrittenOutput,
} from './types.ts';
import type { OutputWork } from './work.ts';

type OciSpec = Extract<OutputSpec, { kind: 'oci' }>;
type DockerSpec = Extract<OutputSpec, { kind: 'docker' }>;

/** An OCI layout, in a tar or as a folder; of several platforms with their index (O-02). */
export async function writeOciOutput(
  spec: OciSpec,
  built: BuiltImages,
  work: OutputWork,
): Promise<WrittenOutput> {
  const names = fullNames([...work.names, ...spec.names]);
  await using folder = await work.store.tempDir();
  const packing = { ...packingFor(spec.form), folder: folder.path, signal: work.signal };
  const result = await packResult(built, work.store, packing);
  const options = { names, annotations: entryAnnotations(spec, built) };
  if (!spec.tar && spec.dest.kind === 'file') {
    const { path } = spec.dest;
    const lock = async (): Promise<Disposable> => {
      const taken = await takeLock(join(path, layoutLock), { signal: work.signal });
      return { [Symbol.dispose]: () => taken.release() };
    };
    await writeLayoutFolder(result, path, { ...options, lock });
  } else
    await writeTo(spec.dest, work, (sink) => writePackedArchive(result, sink, { ...options, format: 'oci' }));
  return { ...writtenTo(spec.dest, result), kind: 'oci', names };
}

/** An archive as `docker save` writes it, of one platform (O-03). */
export async function writeDockerOutput(
  spec: DockerSpec & { readonly dest: Destination },
  built: BuiltImages,
  work: OutputWork,
): Promise<WrittenOutput> {
  onlyImage(built, 'type=docker');
  const names = fullNames([...work.names, ...spec.names]);
  await using folder = await work.store.tempDir();
  const packing = { ...packingFor(spec.form), folder: folder.path, signal: work.signal };
  const result = withoutAttestations(await packResult(built, work.store, packing));
  await writeTo(spec.dest, work, (sink) => writePackedArchive(result, sink, { names, format: 'docker' }));
  return { ...writtenTo(spec.dest, result), kind: 'docker', names };
}

/** Engines take every manifest of an archive for an image. */
export function withoutAttestations(result: PackedResult): PackedResult {
  return { ...result, images: result.images.map(({ packed }) => ({ packed, attestations: [] })) };
}

export async function packResult(
  built: BuiltImages,
  store: Store,
  packing: PackImageOptions,
): Promise<PackedResult> {
  const images: { packed: PackedImage; attestations: BuiltImage['attestations'] }[] = [];
  for (const { image, attestations } of built.images) {
    images.push({ packed: await packImage(store, image, packing), attestations });
  }
  const packed = images.map((image) => image.packed);
  const index = built.index === undefined ? undefined : await packIndex(store, built.index, packed);
  return { images, index };
}

/** Those of the entries within an index are in the index already. */
function entryAnnotations(
  { shape }: OciSpec,
  { images, index }: BuiltImages,
): Readonly<Record<string, string>> {
  return index === undefined
    ? annotationsOf(shape.annotations, 'manifest-descriptor', images[0]?.platform)
    : annotationsOf(shape.annotations, 'index-descriptor');
}

function writtenTo(
  dest: Destination,
  { images, index }: PackedResult,
): Pick<WrittenOutput, 'descriptor' | 'config' | 'repoDigests' | 'place'> {
  const [first] = images;
  const descriptor = index?.descriptor ?? first?.packed.descriptor;
  const config = index === undefined ? first?.packed.config.descriptor.digest : undefined;
  return { descriptor, config, repoDigests: [], place: placeOf(dest) };
}

/** What is not asked for is left to the packing: an image that came from a registry then goes byte for byte. */
export function packingFor({ compression, level, force, mediaTypes }: OutgoingForm): PackingOptions {
  if (compression === 'gzip' && level === undefined && !force) return { mediaTypes };
  return { form: { compression, level }, plainOnly: !force, mediaTypes };
}
