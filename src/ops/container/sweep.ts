import { isErrno } from '../../core/index.ts';
import { sweepNetworks } from '../../network/index.ts';
import type { Store } from '../../store/index.ts';
import { removeOwnVolumes } from '../volumes/prune.ts';
import { sweepVolumes } from '../volumes/volume-store.ts';
import { discardContainer } from './discard.ts';
import { isStartAbandoned, notedVolumes } from './making.ts';
import {
  containerIds,
  deleteContainer,
  hasRecord,
  readRecord,
  readState,
  tryContainerLock,
} from './records.ts';

/**
 * Removes what killed processes left of containers: folders that never became one, those of `run` that it could not
 * start any more, those of `--rm` whose holder was killed before it could remove them, the rest of volumes, and the
 * networks that nobody is on. Alive means that the container's lock is held.
 */
export async function sweepContainers(store: Store): Promise<void> {
  await sweepUnused();
  for (const id of containerIds(store)) {
    if (!isLeftover(store, id)) continue;
    await using lock = await tryContainerLock(store, id);
    // Seen again with the lock held: it may have been on its way a moment ago.
    if (lock === undefined || !isLeftover(store, id)) continue;
    const record = readRecord(store, id);
    if (record !== undefined) {
      await discardContainer(store, record);
      continue;
    }
    await removeOwnVolumes(store, notedVolumes(store, id));
    deleteContainer(store, id);
  }
  await sweepVolumes(store);
}

/** They are another user's where this one may not touch them. */
async function sweepUnused(): Promise<void> {
  try {
    await sweepNetworks();
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM', 'EROFS')) throw error;
  }
}

function isLeftover(store: Store, id: string): boolean {
  if (!hasRecord(store, id)) return true;
  // One whose record cannot be read is left alone: its files may be all that somebody has.
  const record = readRecord(store, id);
  if (record === undefined) return false;
  if (isStartAbandoned(store, id)) return true;
  return record.autoRemove && readState(store, id)?.status === 'running';
}
