import { Option, type Command } from 'commander';

import type { Platform } from '../oci/types.ts';

/** For commands that take images of the store. */
export function addImagePlatformOption(command: Command, about: string): Command {
  return command.addOption(new Option('--platform <platform>', about));
}

/** Undefined where the flag is not given. Throws USAGE. */
export async function imagePlatform(text: string | undefined): Promise<Platform | undefined> {
  if (text === undefined) return undefined;
  const { hostPlatform, parsePlatform } = await import('../oci/index.ts');
  return text === 'local' ? hostPlatform() : parsePlatform(text);
}
