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
