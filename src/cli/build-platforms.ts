import { Option } from 'commander';

import type { BuildResult } from '../build.ts';
import { TsbuildError, type Json } from '../core/index.ts';
import type { Platform } from '../oci/types.ts';
import { collect } from './command.ts';

export interface PlatformFlags {
  readonly platform?: readonly string[];
}

export function platformOption(): Option {
  return new Option(
    '--platform <platform,…>',
    "what to build for, as linux/arm64, or local for this machine's (default); several give an index; repeatable",
  ).argParser(collect);
}

/** In the order given, each once, however it is spelled; undefined when none is named. Throws USAGE. */
export async function platformsOf({ platform }: PlatformFlags): Promise<readonly Platform[] | undefined> {
  if (platform === undefined) return undefined;
  const { formatPlatform, hostPlatform, parsePlatform } = await import('../oci/index.ts');
  const platforms = platform
    .flatMap((text) => text.split(','))
    .map((text) => (text.trim() === 'local' ? hostPlatform() : parsePlatform(text.trim())));
  const distinct = [...new Map(platforms.map((each) => [formatPlatform(each), each])).values()];
  if (distinct.length > maxPlatforms)
    throw new TsbuildError('USAGE', `a build is for ${maxPlatforms} platforms at most`);
  return distinct;
}

/** More than there are architectures. */
const maxPlatforms = 64;

/** What a build came to, in a word: the id of its image, or the digest of the index of several. */
export function resultId({ built, image }: BuildResult): string {
  return built.index?.digest ?? image.id;
}

/** A line for each image of an index; none for an image alone. */
export async function platformLines({ built }: BuildResult): Promise<string> {
  if (built.index === undefined) return '';
  const { formatPlatform } = await import('../oci/index.ts');
  return built.images.map(({ platform, image }) => `\n  ${formatPlatform(platform)} ${image.id}`).join('');
}

export async function platformsJson({ built }: BuildResult): Promise<Readonly<Record<string, Json>>> {
  if (built.index === undefined) return {};
  const { formatPlatform } = await import('../oci/index.ts');
  return {
    images: built.images.map(({ platform, image }) => ({
      platform: formatPlatform(platform),
      image: image.id,
      digest: image.digest,
    })),
  };
}
