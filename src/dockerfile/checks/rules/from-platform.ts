import type { Subject } from '../subject.ts';
import type { PlatformFacts, Violation } from '../types.ts';
import { on } from './on.ts';

const targetPlatform = 'TARGETPLATFORM';

export function invalidBaseImagePlatform({ froms, options, checked }: Subject): readonly Violation[] {
  const wantedByDefault = options.platformArgs.get(targetPlatform) ?? '';
  return froms.flatMap(({ stage, image, platform, base }) => {
    if (base === undefined || !checked.includes(stage.index)) return [];
    const wanted = options.platformOf(platform?.value ?? wantedByDefault);
    if (wanted === undefined || (wanted.os === base.os && wanted.architecture === base.architecture))
      return [];
    return on(
      stage.from,
      `base image ${image?.value ?? ''} is for ${format(base)}, the build wants ${format(wanted)}`,
    );
  });
}

function format({ os, architecture }: PlatformFacts): string {
  return `${os}/${architecture}`;
}

/** Only when nothing but TARGETPLATFORM makes the value, however it is written. */
export function redundantTargetPlatform({ froms, options }: Subject): readonly Violation[] {
  return froms.flatMap(({ stage, platform }) => {
    const written = stage.from.platform;
    if (platform === undefined || written === undefined) return [];
    const { matched, missing, value } = platform;
    if (matched.size !== 1 || !matched.has(targetPlatform) || missing.size > 0) return [];
    if (value !== options.platformArgs.get(targetPlatform)) return [];
    return on(stage.from, `--platform=${written} is what FROM does anyway`, 'leave the flag out');
  });
}

/** A stage whose name tells the platform is meant to be for that one. */
export function fromPlatformFlagConstDisallowed({ froms, options }: Subject): readonly Violation[] {
  return froms.flatMap(({ stage, platform }) => {
    if (platform === undefined || platform.matched.size + platform.missing.size > 0) return [];
    const constant = options.platformOf(platform.value);
    if (constant === undefined) return [];
    const name = stage.name ?? '';
    if (name.includes(constant.os) || name.includes(constant.architecture)) return [];
    return on(
      stage.from,
      `FROM has the constant platform ${JSON.stringify(platform.value)}`,
      'write --platform=$BUILDPLATFORM, name the stage after the platform, or leave the flag out',
    );
  });
}
