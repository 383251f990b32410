import { canonicalJson, digestOf } from '../core/index.ts';
import type { Digest, Json } from '../core/index.ts';
import { mediaTypes } from '../oci/types.ts';
import type { ContainerDefaults, Descriptor, HistoryEntry, Platform } from '../oci/types.ts';
import { ociLayerDescriptor } from './media.ts';

export interface LayerParts {
  readonly diffId: Digest;
  /** The bytes as stored, plain or compressed. */
  readonly descriptor: Descriptor;
}

/** All that an image is made of. */
export interface ImageParts {
  readonly platform: Platform;
  readonly config: ContainerDefaults;
  readonly history: readonly HistoryEntry[];
  /** Bottom first. */
  readonly layers: readonly LayerParts[];
  /** RFC 3339. */
  readonly created?: string | undefined;
  readonly author?: string | undefined;
  /** Members of a base's config that no schema names; kept (checklist O-33). */
  readonly extra?: Readonly<Record<string, Json>> | undefined;
  /** Of the manifest. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export interface AssembledImage {
  /** Digest of the config. */
  readonly id: Digest;
  readonly rawConfig: Uint8Array;
  readonly rawManifest: Uint8Array;
  readonly descriptor: Descriptor;
}

/** Config and OCI manifest of an image, as bytes. The same parts give the same bytes on every machine. */
export function assembleImage(parts: ImageParts): AssembledImage {
  const rawConfig = encode(configJson(parts));
  const config: Descriptor = {
    mediaType: mediaTypes.config,
    digest: digestOf(rawConfig),
    size: rawConfig.byteLength,
  };
  const layers = parts.layers.map((layer) => layer.descriptor);
  return { id: config.digest, rawConfig, ...assembleManifest(config, layers, parts.annotations) };
}

/** An OCI manifest over a config and layers that may come with Docker's media types. */
export function assembleManifest(
  config: Descriptor,
  layers: readonly Descriptor[],
  annotations: Readonly<Record<string, string>> = {},
): { readonly rawManifest: Uint8Array; readonly descriptor: Descriptor } {
  const rawManifest = encode({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: descriptorJson({ mediaType: mediaTypes.config, digest: config.digest, size: config.size }),
    layers: layers.map((layer) => descriptorJson(ociLayerDescriptor(layer))),
    annotations: Object.keys(annotations).length === 0 ? undefined : annotations,
  });
  const digest = digestOf(rawManifest);
  return {
    rawManifest,
    descriptor: { mediaType: mediaTypes.manifest, digest, size: rawManifest.byteLength },
  };
}

function descriptorJson({ mediaType, digest, size, urls, annotations }: Descriptor): Json {
  return { mediaType, digest, size, urls, annotations };
}

function configJson(parts: ImageParts): Json {
  const { platform } = parts;
  const history = alignHistory(parts.history, parts.layers.length).map((entry): Json => {
    const { created, created_by, author, comment } = entry;
    const empty_layer = entry.empty_layer === true ? true : undefined;
    return { created, created_by, author, comment, empty_layer };
  });
  return {
    ...parts.extra,
    architecture: platform.architecture,
    variant: filled(platform.variant),
    os: platform.os,
    'os.version': filled(platform['os.version']),
    'os.features': filled(platform['os.features']),
    author: filled(parts.author),
    created: parts.created,
    config: defaultsJson(parts.config),
    rootfs: { type: 'layers', diff_ids: parts.layers.map((layer) => layer.diffId) },
    history: filled(history),
  };
}

/** Empty members mean the same as absent ones to every reader, so they are left out: one meaning, one digest. */
function defaultsJson(config: ContainerDefaults): Json {
  const json: Record<string, Json> = {};
  for (const [name, value] of Object.entries(config) as [string, Json | undefined][]) {
    const kept = value === false ? undefined : filled(value);
    if (kept !== undefined) json[name] = kept;
  }
  return json;
}

function filled<T extends Json>(value: T | undefined): T | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  return typeof value === 'object' && Object.keys(value).length === 0 ? undefined : value;
}

/**
 * History with exactly one non-empty entry a layer (checklist O-34), which not every base image has. Counted from the
 * newest entry down, since steps of our own always have theirs: layers without an entry get a bare one at the
 * bottom, and surplus entries at the bottom are marked empty.
 */
export function alignHistory(history: readonly HistoryEntry[], layers: number): readonly HistoryEntry[] {
  let missing = layers;
  const aligned = history.toReversed().map((entry): HistoryEntry => {
    if (entry.empty_layer === true) return entry;
    if (missing === 0) return { ...entry, empty_layer: true };
    missing -= 1;
    return entry;
  });
  const bare = Array.from({ length: missing }, (): HistoryEntry => ({}));
  return [...bare, ...aligned.toReversed()];
}

function encode(value: Json): Uint8Array {
  return Buffer.from(canonicalJson(value), 'utf8');
}
