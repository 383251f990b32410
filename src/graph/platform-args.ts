import type { Platform } from '../oci/types.ts';
import { withVariables, type Environment } from './environment.ts';
import type { PlanOptions } from './types.ts';

/** The automatic global ARGs (L-089), visible in FROM, and in a stage after a bare `ARG NAME`. */
export function platformArgs(
  options: Pick<PlanOptions, 'target' | 'platform' | 'buildPlatform'>,
  lastStage: string | undefined,
): Environment {
  const wanted = options.target === '' ? undefined : options.target;
  return withVariables(new Map(), [
    ...describe('TARGET', options.platform),
    ...describe('BUILD', options.buildPlatform),
    ['TARGETSTAGE', wanted ?? lastStage ?? 'default'],
  ]);
}

function describe(prefix: string, platform: Platform): readonly (readonly [string, string])[] {
  const variant = platform.variant ?? '';
  const name = [platform.os, platform.architecture, ...(variant === '' ? [] : [variant])].join('/');
  return [
    [`${prefix}PLATFORM`, name],
    [`${prefix}OS`, platform.os],
    [`${prefix}OSVERSION`, platform['os.version'] ?? ''],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, variant],
  ];
}
