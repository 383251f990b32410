import type { Store } from '../../store/index.ts';
import { discardContainer } from './discard.ts';
import {
  containerIds,
  deleteContainer,
  hasRecord,
  readRecord,
  readState,
  tryContainerLock,
} from './records.ts';

/**
 * Removes what killed processes left of containers: folders that never became one, and those of `--rm` whose holder was
 * killed before it could remove them. Alive means that the container's lock is held.
 */
export async function sweepContainers(store: Store): Promise<void> {
  for (const id of containerIds(store)) {
    if (!isLeftover(store, id)) continue;
    await using lock = await tryContainerLock(store, id);
    // Seen again with the lock held: it may have been on its way a moment ago.
    if (lock === undefined || !isLeftover(store, id)) continue;
    const record = readRecord(store, id);
    if (record === undefined) deleteContainer(store, id);
    else await discardContainer(store, record);
  }
}

function isLeftover(store: Store, id: string): boolean {
  if (!hasRecord(store, id)) return true;
  // One whose record cannot be read is left alone: its files may be all that somebody has.
  return readRecord(store, id)?.autoRemove === true && readState(store, id)?.status === 'running';
}
