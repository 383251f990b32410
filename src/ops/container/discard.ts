import { discardCgroups } from '../../runtime/index.ts';
import type { Store } from '../../store/index.ts';
import { removeOwnVolumes } from '../volumes/prune.ts';
import { noteVolumes } from './making.ts';
import { deleteContainer, deleteRecord } from './records.ts';
import type { ContainerRecord } from './types.ts';

/**
 * Removes a container that does not run, and the volumes that were made for it alone. Its lock must be held. Killed
 * anywhere in here it is still whole, or its folder has the note by which the sweep goes on where this stopped.
 * `cgroups`: whether whoever ran it may have been killed before they were removed.
 */
export async function discardContainer(
  store: Store,
  record: ContainerRecord,
  { cgroups = 'left' }: { readonly cgroups?: 'left' | 'gone' } = {},
): Promise<void> {
  const { id, volumes = [] } = record;
  if (cgroups === 'left') discardCgroups({ id, path: record.spec.config.linux.cgroupsPath });
  const own = volumes.filter(({ anonymous }) => anonymous);
  if (own.length > 0) {
    const names = own.map(({ name }) => name);
    noteVolumes(store, id, names);
    deleteRecord(store, id);
    await removeOwnVolumes(store, names);
  }
  deleteContainer(store, id);
}
