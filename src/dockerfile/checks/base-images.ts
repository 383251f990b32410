import type { Dockerfile } from '../types.ts';
import { globalArgsOf } from './globals.ts';
import { fromFactsOf } from './stages.ts';
import type { CheckOptions } from './types.ts';

export interface BaseImageName {
  readonly image: string;
  /** As FROM's flag gives it. */
  readonly platform: string | undefined;
}

/** The images that FROMs name, variables replaced: what `CheckOptions.base` will be asked for. */
export function baseImagesOf(
  dockerfile: Dockerfile,
  { platformArgs, buildArgs }: Pick<CheckOptions, 'platformArgs' | 'buildArgs'>,
): readonly BaseImageName[] {
  const globals = globalArgsOf(dockerfile, platformArgs, buildArgs);
  const found: BaseImageName[] = [];
  fromFactsOf(dockerfile, globals.values, (image, platform) => {
    found.push({ image, platform });
    return undefined;
  });
  return found;
}
