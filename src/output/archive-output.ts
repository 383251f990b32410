import { packImage, writeLayoutFolder, writePackedArchive, type PackingOptions } from '../image/index.ts';
import { annotationsOf } from './annotations.ts';
import { placeOf, writeTo } from './destination.ts';
import { fullNames } from './names.ts';
import { onlyImage } from './only-image.ts';
import type { BuiltImages, OutgoingForm, OutputSpec, WrittenOutput } from './types.ts';
import type { OutputWork } from './work.ts';

type OciSpec = Extract<OutputSpec, { kind: 'oci' }>;
type DockerSpec = Extract<OutputSpec, { kind: 'docker' }>;

/** An OCI layout, in a tar or as a folder (O-02). */
export async function writeOciOutput(
  spec: OciSpec,
  built: BuiltImages,
  work: OutputWork,
): Promise<WrittenOutput> {
  const { image, platform, attestations } = onlyImage(built);
  const names = fullNames([...work.names, ...spec.names]);
  await using folder = await work.store.tempDir();
  const packed = await packImage(work.store, image, { ...packingFor(spec.form), folder: folder.path });
  const annotations = annotationsOf(spec.shape.annotations, 'manifest-descriptor', platform);
  if (!spec.tar && spec.dest.kind === 'file') {
    await writeLayoutFolder(packed, spec.dest.path, { names, annotations, attestations });
  } else {
    await writeTo(spec.dest, work, (sink) =>
      writePackedArchive(packed, sink, { names, annotations, attestations, format: 'oci' }),
    );
  }
  const { descriptor } = packed;
  return { kind: 'oci', names, descriptor, repoDigests: [], place: placeOf(spec.dest) };
}

/** An archive as `docker save` writes it, of one platform (O-03). */
export async function writeDockerOutput(
  spec: DockerSpec & { readonly dest: object },
  built: BuiltImages,
  work: OutputWork,
): Promise<WrittenOutput> {
  const { image } = onlyImage(built, 'type=docker');
  const names = fullNames([...work.names, ...spec.names]);
  await using folder = await work.store.tempDir();
  const packed = await packImage(work.store, image, { ...packingFor(spec.form), folder: folder.path });
  await writeTo(spec.dest, work, (sink) => writePackedArchive(packed, sink, { names, format: 'docker' }));
  const { descriptor } = packed;
  return { kind: 'docker', names, descriptor, repoDigests: [], place: placeOf(spec.dest) };
}

/** What is not asked for is left to the packing: an image that came from a registry then goes byte for byte. */
export function packingFor({ compression, level, force, mediaTypes }: OutgoingForm): PackingOptions {
  if (compression === 'gzip' && level === undefined && !force) return { mediaTypes };
  return { form: { compression, level }, plainOnly: !force, mediaTypes };
}
