import type { Command } from 'commander';

import type { MountRequest } from '../ops/index.ts';
import { collect } from './command.ts';

export interface MountFlags {
  readonly volume?: readonly string[];
  readonly mount?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly volumesFrom?: readonly string[];
  readonly readOnly?: boolean;
}

export function addMountOptions(command: Command): Command {
  return command
    .option(
      '-v, --volume <[src:]dst[:ro,…]>',
      'mount a folder or file of this machine, or a named volume; without src a volume of its own; repeatable',
      collect,
    )
    .option(
      '--mount <type=…,…>',
      'mount: type=bind|volume|tmpfs, source=, target=, readonly and more; repeatable',
      collect,
    )
    .option('--tmpfs <dst[:options]>', 'mount an empty folder that is kept in memory; repeatable', collect)
    .option(
      '--volumes-from <container[:ro]>',
      'mount what another container has mounted; repeatable',
      collect,
    )
    .option('--read-only', 'mount the root file system read-only');
}

/** Throws USAGE. */
export async function mountsOf(flags: MountFlags): Promise<readonly MountRequest[]> {
  const { parseMountFlag, parseTmpfsFlag, parseVolumeFlag, refuseSamePlace } =
    await import('../ops/index.ts');
  const mounts = [
    ...(flags.volume ?? []).map(parseVolumeFlag),
    ...(flags.mount ?? []).map(parseMountFlag),
    ...(flags.tmpfs ?? []).map(parseTmpfsFlag),
  ];
  refuseSamePlace(mounts);
  return mounts;
}
