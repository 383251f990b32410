import { emulationOf, isNative } from '../ops/index.ts';
import { formatPlatform, platformFits, type Platform } from '../oci/index.ts';
import type { Store } from '../store/index.ts';

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

/** Has the emulator registered that the image needs, where that can be done, and tells when there is none. */
export async function readyEmulator(
  store: Store,
  { name, is }: { readonly name: string; readonly is: Platform },
): Promise<void> {
  if (isNative(is)) return;
  const emulation = await emulationOf(store, is.architecture);
  if (emulation === 'runs' || emulation === 'unknown') return;
  const why =
    emulation === 'missing'
      ? 'nothing on this machine emulates that'
      : 'its emulator is registered without the flag F, so that containers do not find it';
  process.stderr.write(`warning: ${name} is for ${formatPlatform(is)}, and ${why}: see docs/platforms.md\n`);
}
