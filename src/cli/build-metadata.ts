import type { BuildResult } from '../build.ts';
import type { Json, JsonObject } from '../core/index.ts';
import type { BuiltImages, WrittenOutput } from '../output/types.ts';

/** What `--metadata-file` gets: the keys that buildx writes, as far as there is something to say (C-21). */
export function metadataOf(result: BuildResult): Json {
  const { built, image, names } = result;
  const output = mainOutput(result.outputs);
  const descriptor = output?.descriptor;
  return {
    // One for each image of an index: none of them stands for the build.
    ...(built.index === undefined ? { 'containerimage.config.digest': output?.config ?? image.id } : {}),
    ...(descriptor === undefined
      ? {}
      : {
          'containerimage.descriptor': {
            mediaType: descriptor.mediaType,
            digest: descriptor.digest,
            size: descriptor.size,
            ...(descriptor.annotations === undefined ? {} : { annotations: descriptor.annotations }),
          },
          'containerimage.digest': descriptor.digest,
        }),
    ...(names.length === 0 ? {} : { 'image.name': names.join(',') }),
    ...provenanceOf(built),
  };
}

/** Only where it was asked for; of an index, that of each platform. */
function provenanceOf({ images, index }: BuiltImages): JsonObject {
  const found = images.flatMap(({ platform: { os, architecture, variant }, attestations }) => {
    const one = attestations.find(({ predicateType }) => predicateType.startsWith('https://slsa.dev/'));
    const parts = index === undefined ? [] : [os, architecture, variant];
    const suffix = parts.map((part) => (part === undefined ? '' : `/${part}`)).join('');
    return one === undefined ? [] : [[`buildx.build.provenance${suffix}`, one.predicate] as const];
  });
  return Object.fromEntries(found);
}

/** What others can see comes first: the digest that was pushed, not that of the store. */
function mainOutput(outputs: readonly WrittenOutput[]): WrittenOutput | undefined {
  return (
    outputs.find(({ repoDigests }) => repoDigests.length > 0) ??
    outputs.find(({ descriptor }) => descriptor !== undefined)
  );
}

/** A line for everything that left the store. */
export function outputLines(outputs: readonly WrittenOutput[]): string {
  const lines = outputs.flatMap(({ repoDigests, place, engine }) => [
    ...repoDigests.map((digest) => `pushed ${digest}`),
    ...(place === undefined ? [] : [`written to ${place}`]),
    ...(engine === undefined ? [] : [`loaded into ${engine}`]),
  ]);
  return lines.map((line) => `\n  ${line}`).join('');
}

export function outputsJson(outputs: readonly WrittenOutput[]): Json {
  return outputs.map(({ kind, repoDigests, place, engine, descriptor }) => ({
    type: kind,
    ...(descriptor === undefined ? {} : { digest: descriptor.digest }),
    ...(repoDigests.length === 0 ? {} : { pushed: repoDigests }),
    ...(place === undefined ? {} : { place }),
    ...(engine === undefined ? {} : { engine }),
  }));
}
