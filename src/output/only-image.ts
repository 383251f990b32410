import { TsbuildError } from '../core/index.ts';
import type { BuiltImage, BuiltImages } from './types.ts';

/** The image of a build for one platform. Throws USAGE where there are several. */
export function onlyImage({ images }: BuiltImages, what = 'this output'): BuiltImage {
  const [image, ...others] = images;
  if (image !== undefined && others.length === 0) return image;
  throw severalPlatforms(what);
}

export function severalPlatforms(what: string): TsbuildError {
  return new TsbuildError('USAGE', `${what} takes an image of one platform`, {
    hint: 'name one --platform, or choose another output',
  });
}
