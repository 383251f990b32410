import { isErrno } from '../../core/index.ts';
import { sweepNetworks } from '../../network/index.ts';
import type { Store } from '../../store/index.ts';
import { removeOwnVolumes } from '../volumes/prune.ts';
import { removedVolumes, sweepVolume } from '../volumes/volume-store.ts';
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
  await unlessItResists(() => sweepNetworks());
  for (const id of containerIds(store)) {
    if (isLeftover(store, id)) await unlessItResists(() => sweepContainer(store, id));
  }
  for (const name of removedVolumes(store)) await unlessItResists(() => sweepVolume(store, name));
}

async function sweepContainer(store: Store, id: string): Promise<void> {
  await using lock = await tryContainerLock(store, id);
  // Seen again with the lock held: it may have been on its way a moment ago.
  if (lock === undefined || !isLeftover(store, id)) return;
  const record = readRecord(store, id);
  if (record !== undefined) {
    await discardContainer(store, record);
    return;
  }
  await removeOwnVolumes(store, notedVolumes(store, id));
  deleteContainer(store, id);
}

/**
 * What is another user's, or what somebody has mounted something in, is left to the next sweep: no other command is to
 * fail for it.
 */
async function unlessItResists(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM', 'EROFS', 'EBUSY', 'EXDEV', 'EIO')) throw error;
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
