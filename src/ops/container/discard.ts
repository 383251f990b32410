import { discardCgroups } from '../../runtime/index.ts';
import type { Store } from '../../store/index.ts';
import { removeOwnVolumes } from '../volumes/prune.ts';
import { deleteContainer } from './records.ts';
import type { ContainerRecord } from './types.ts';

/** Removes a container that does not run, and the volumes that were made for it alone. */
export async function discardContainer(store: Store, record: ContainerRecord): Promise<void> {
  discardCgroups({ id: record.id, path: record.spec.config.linux.cgroupsPath });
  deleteContainer(store, record.id);
  await removeOwnVolumes(store, record);
}
