import * as z from 'zod/mini';

import { isDigest, TsbuildError, type Digest, type Json } from '../core/index.ts';
import { chainIds, formatPlatform } from '../oci/index.ts';
import type { ImageConfig, Manifest } from '../oci/types.ts';
import { contentsSchema, inputKeysSchema, isWritable } from './format.ts';
import type { CachedLayer, CachePart, ForeignRecord } from './types.ts';

/** Member of an image's config. Other tools keep it as they keep all they do not know. */
export const inlineMember = 'tsbuild.cache.v0';

const text = z.string().check(z.maxLength(4096));
const digest = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), {
  error: 'not a digest',
});
const recordSchema = z.object({
  key: digest,
  partsDigest: digest,
  inputs: inputKeysSchema,
  contents: contentsSchema,
  identity: text,
  created: text,
  /** So many layers of the image, from the bottom. */
  layers: z.int().check(z.minimum(1), z.maximum(512)),
  /** Of these layers: an image that was made of this one by others may have other layers and the same member. */
  chain: digest,
});
const memberSchema = z.object({
  version: z.literal(1),
  /** When each layer was made; null of the base's. */
  layers: z.array(z.nullable(text)).check(z.maxLength(512)),
  records: z.array(recordSchema).check(z.maxLength(1000)),
});

/** What an image's config says of the steps that made its layers. Empty unless some record is of these very layers. */
export function inlineCache(
  records: readonly ForeignRecord[],
  layers: readonly CachedLayer[],
): { readonly [inlineMember]?: Json } {
  const chains = chainIds(layers.map(({ diffId }) => diffId));
  // One that would not be read again would make all of it malformed.
  const kept = records.filter(isWritable).flatMap((record): Json[] => {
    const count = record.layers.length;
    const same = record.layers.every(({ diffId }, index) => diffId === layers[index]?.diffId);
    const chain = chains[count - 1];
    if (!same || chain === undefined) return [];
    const { key, partsDigest, inputKeys, contents, identity, created } = record;
    const asJson = ({ selector, digest: of }: (typeof inputKeys)[number]): Json => ({ selector, digest: of });
    return [
      {
        ...{ key, partsDigest, identity, created, chain },
        inputs: inputKeys.map(asJson),
        contents: contents.map((each) => each.map(asJson)),
        layers: count,
      },
    ];
  });
  if (kept.length === 0) return {};
  const times = layers.map(({ created }) => created ?? null);
  return { [inlineMember]: { version: 1, layers: times, records: kept } };
}

/** The inline cache of an image. Throws IMAGE_INVALID; IMAGE_NOT_FOUND where it has none. */
export function inlineParts(manifest: Manifest, config: ImageConfig): readonly CachePart[] {
  const member: unknown = Reflect.get(config, inlineMember);
  if (member === undefined) {
    throw new TsbuildError('IMAGE_NOT_FOUND', 'it is an image without an inline cache', {
      hint: 'build it with --cache-to type=inline',
    });
  }
  const parsed = memberSchema.safeParse(member);
  const diffIds = config.rootfs.diff_ids;
  if (!parsed.success || diffIds.length !== manifest.layers.length)
    throw new TsbuildError('IMAGE_INVALID', 'its inline cache is malformed');
  const { layers: times, records } = parsed.data;
  const layers = diffIds.map((diffId, index): CachedLayer => ({
    diffId,
    created: times[index] ?? undefined,
    blob: manifest.layers[index],
  }));
  const chains = chainIds(diffIds);
  return [
    {
      scope: '',
      platform: formatPlatform(config),
      exported: '',
      records: records
        .filter(({ layers: count, chain }) => chains[count - 1] === chain)
        .map(({ inputs, layers: count, chain: _, ...record }) => ({
          ...record,
          parts: undefined,
          inputKeys: inputs,
          layers: layers.slice(0, count),
        })),
    },
  ];
}
