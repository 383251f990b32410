import type { Digest } from '../core/index.ts';
import type { Image, Layer } from './image.ts';

export interface HistoryRow {
  /** Image id for the newest row, undefined for the rest: earlier states have no image of their own. */
  readonly id: Digest | undefined;
  readonly created: string | undefined;
  readonly createdBy: string;
  readonly comment: string;
  /** Undefined for an entry that made no layer. */
  readonly layer: Layer | undefined;
  /** Bytes of the layer as stored, 0 without one. */
  readonly size: number;
}

/** Newest first, as `docker history` prints it. */
export function imageHistory(image: Image): readonly HistoryRow[] {
  const { history = [] } = image.config;
  const remaining = image.layers[Symbol.iterator]();
  const rows = history.map((entry): HistoryRow => {
    const layer = entry.empty_layer === true ? undefined : remaining.next().value;
    return {
      id: undefined,
      created: entry.created,
      createdBy: entry.created_by ?? '',
      comment: entry.comment ?? '',
      layer,
      size: layer?.descriptor.size ?? 0,
    };
  });
  // A config may tell less than it has layers (O-34); they are shown all the same, on top, where nothing explains them.
  for (const layer of remaining) {
    const { size } = layer.descriptor;
    rows.push({ id: undefined, created: undefined, createdBy: '', comment: '', layer, size });
  }
  const newestFirst = rows.toReversed();
  const [newest, ...older] = newestFirst;
  return newest === undefined ? [] : [{ ...newest, id: image.id }, ...older];
}
