import { TsbuildError } from '../../core/index.ts';
import type { IdMapping } from '../../oci/runtime-spec.ts';
import type { MountIdMap } from './requests.ts';

/** All that there are. */
const identity: readonly IdMapping[] = [{ containerID: 0, hostID: 0, size: 0xffff_ffff }];

/**
 * `uids=FROM-TO-COUNT[#…];gids=…` as podman has it: who owns a file on the disk, whom the container sees, and how many ids
 * in a row. What is not named stays as it is where all of `uids` or `gids` is left out, else it belongs to nobody. Throws
 * USAGE.
 */
export function parseIdMap(flag: string, text: string, map: string): MountIdMap {
  const given = new Map<string, readonly IdMapping[]>();
  for (const part of map.split(';')) {
    const [, which, triplets] = /^(uids|gids)=(.+)$/.exec(part) ?? [];
    if (which === undefined || triplets === undefined || given.has(which)) throw invalid(flag, text);
    // In podman `@` tells ids of the machine from those of the container: here they are the same.
    given.set(
      which,
      triplets.split('#').map((triplet) => mappingOf(triplet.replace(/^@/, '')) ?? raise(flag, text)),
    );
  }
  return { uids: given.get('uids') ?? identity, gids: given.get('gids') ?? identity };
}

function mappingOf(text: string): IdMapping | undefined {
  const [, from, to, count] = /^(\d{1,10})-(\d{1,10})-(\d{1,10})$/.exec(text) ?? [];
  const [containerID, hostID, size] = [Number(from), Number(to), Number(count)];
  // The last id means none to the kernel.
  const fits = size > 0 && containerID + size <= 0xffff_ffff && hostID + size <= 0xffff_ffff;
  return fits ? { containerID, hostID, size } : undefined;
}

function raise(flag: string, text: string): never {
  throw invalid(flag, text);
}

function invalid(flag: string, text: string): TsbuildError {
  return new TsbuildError('USAGE', `${flag}: invalid value ${JSON.stringify(text)}`, {
    hint: 'expected idmap=uids=FROM-TO-COUNT;gids=FROM-TO-COUNT: owners on the disk, and as whom the container sees them',
  });
}
