import { constants } from 'node:fs';

import { TsbuildError } from '../../../core/index.ts';
import { findImage, openImage, writeImage, type Image, type LayerParts } from '../../../image/index.ts';
import { formatReference, mediaTypes, parseReference, type HistoryEntry } from '../../../oci/index.ts';
import { packLayer, upperChanges } from '../../../snapshot/index.ts';
import type { Store } from '../../../store/index.ts';
import type { ContainerRecord } from '../types.ts';
import { whileQuiet } from './changes.ts';
import { changedConfig } from './commit-changes.ts';
import { containerDefaults } from './container-defaults.ts';
import { openBase, openUpper } from './container-root.ts';

export interface CommitOptions {
  /** Of the image. */
  readonly name?: string | undefined;
  /** Of the history entry. */
  readonly message?: string | undefined;
  readonly author?: string | undefined;
  /** Instructions of a Dockerfile. */
  readonly changes: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * `docker commit`: an image of what a container's files are now, a layer on top of its own image; mounts are no part of
 * it. One that has changed nothing adds no layer. Throws IMAGE_NOT_FOUND when its image has gone.
 */
export async function commitContainer(
  store: Store,
  record: ContainerRecord,
  options: CommitOptions,
): Promise<Image> {
  const reference = options.name === undefined ? undefined : parseReference(options.name);
  if (reference?.digest !== undefined) {
    throw new TsbuildError(
      'REFERENCE_INVALID',
      `cannot give an image the name ${options.name ?? ''}: it has a digest`,
      {
        hint: 'a digest follows from the content; give a tag',
      },
    );
  }
  const base = await imageOf(store, record);
  // Before anything is packed: a mistake in a change costs no time.
  const config = await changedConfig(
    base,
    containerDefaults(record, base.config.config ?? {}),
    options.changes,
  );
  await using _lease = await store.lease();
  const layer = await packUpper(store, record, options.signal);
  const created = new Date().toISOString();
  const { os, architecture, variant, history = [] } = base.config;
  const image = await writeImage(store, {
    platform: { os, architecture, variant },
    author: options.author ?? base.config.author,
    config,
    created,
    history: [...history, entryOf(record, { ...options, created, isEmpty: layer === undefined })],
    layers: [
      ...base.layers.map(({ diffId, descriptor }): LayerParts => ({ diffId, descriptor })),
      ...(layer === undefined ? [] : [layer]),
    ],
  });
  if (reference !== undefined) {
    await store.refs.set({ name: formatReference(reference), target: image.descriptor });
  }
  return image;
}

async function imageOf(store: Store, { name, image }: ContainerRecord): Promise<Image> {
  const found = await findImage(store, image.id);
  if (found !== undefined) return openImage(store, found.manifest);
  throw new TsbuildError(
    'IMAGE_NOT_FOUND',
    `the image of container ${name} (${image.name}) has been removed`,
    {
      hint: `tsbuild export ${name} gives its files without it`,
    },
  );
}

/** Undefined when nothing has changed. */
async function packUpper(
  store: Store,
  record: ContainerRecord,
  signal: AbortSignal | undefined,
): Promise<LayerParts | undefined> {
  using base = openBase(record);
  using upper = openUpper(record);
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const { diffId, size, entries } = await whileQuiet(store, record, () =>
    packLayer(upperChanges(upper, base, signal), (path) => upper.open(path, flags), store.blobs, { signal }),
  );
  if (entries === 0) return undefined;
  return { diffId, descriptor: { mediaType: mediaTypes.layer, digest: diffId, size } };
}

interface EntryParts extends CommitOptions {
  readonly created: string;
  readonly isEmpty: boolean;
}

function entryOf(record: ContainerRecord, { created, message, author, isEmpty }: EntryParts): HistoryEntry {
  return {
    created,
    created_by: record.command.join(' '),
    ...(author !== undefined && { author }),
    ...(message !== undefined && { comment: message }),
    ...(isEmpty && { empty_layer: true }),
  };
}
