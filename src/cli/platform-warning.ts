import { formatPlatform, platformFits, type Platform } from '../oci/index.ts';

/** Told and not refused: what was made for another platform may run all the same, where the kernel emulates it. */
export function warnOfPlatform(
  name: string,
  platforms: { readonly wanted: Platform; readonly is: Platform },
): void {
  const { wanted, is } = platforms;
  if (platformFits(wanted, is)) return;
  const [actual, asked] = [formatPlatform(is), formatPlatform(wanted)];
  process.stderr.write(`warning: ${name} is for ${actual}, not for ${asked}\n`);
}
