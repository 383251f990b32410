import { TsbuildError } from '../core/index.ts';
import { parseEpoch } from './epoch.ts';
import type { ImageShape, OutputSpec } from './types.ts';

/** The shape of one output: what holds for all of them comes first, but for the time (O-50: the build's own wins). */
export function shapeOf(spec: OutputSpec, common: ImageShape): ImageShape {
  const { shape } = spec;
  return {
    epoch: common.epoch ?? shape.epoch,
    rewrite: common.rewrite ?? shape.rewrite,
    squash: common.squash ?? shape.squash,
    annotations: [...(common.annotations ?? []), ...(shape.annotations ?? [])],
  };
}

/** What holds for all outputs: the build's own SOURCE_DATE_EPOCH goes before that of the options, but for an exact time. */
export function commonShape(shape: ImageShape, epoch: string | undefined): ImageShape {
  if (shape.rewrite === 'exact' || epoch === undefined) return shape;
  return { ...shape, epoch: parseEpoch(epoch, 'SOURCE_DATE_EPOCH') ?? shape.epoch };
}

/** Throws USAGE when files are to be dated and no time is given. */
export function requireTime({ rewrite, epoch }: ImageShape): void {
  if (rewrite === undefined || epoch !== undefined) return;
  throw new TsbuildError('USAGE', 'rewriting timestamps needs a time', {
    hint: 'set SOURCE_DATE_EPOCH, or give --source-date-epoch "$(git log -1 --format=%ct)"',
  });
}
