import { TsbuildError, type ByteString } from '../../../core/index.ts';
import { upperChanges, type Change } from '../../../snapshot/index.ts';
import type { Store } from '../../../store/index.ts';
import type { RootDir } from '../../../sys/index.ts';
import { containerState } from '../records.ts';
import type { ContainerRecord } from '../types.ts';
import { openBase, openUpper } from './container-root.ts';

export interface FileChange {
  /** Added, changed, deleted. */
  readonly kind: 'A' | 'C' | 'D';
  /** Absolute. */
  readonly path: ByteString;
}

/**
 * `docker diff`: what a container has changed of its image's files, sorted bytewise; folders that hold a change count as
 * changed. Mounts, and the mount points made for them, are no changes. Throws CONTAINER_STATE when the container goes on
 * changing its files.
 */
export async function containerChanges(
  store: Store,
  record: ContainerRecord,
  signal?: AbortSignal,
): Promise<readonly FileChange[]> {
  using base = openBase(record);
  using upper = openUpper(record);
  const changes = await whileQuiet(store, record, () => collect(upper, base, signal));
  return changes
    .filter(({ path }) => path !== '')
    .map((change): FileChange => {
      const path = `/${change.path}` as ByteString;
      if (change.kind === 'remove') return { kind: 'D', path };
      return { kind: isThere(base, change.path) ? 'C' : 'A', path };
    })
    .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

/** How often files that change while they are read are read once more. */
const tries = 3;

/** What reads a container's upper may fail for no other reason than that the container runs. */
export async function whileQuiet<T>(
  store: Store,
  record: ContainerRecord,
  read: () => Promise<T>,
): Promise<T> {
  for (let left = tries; ; left--) {
    try {
      return await read();
    } catch (error) {
      if (error instanceof TsbuildError) throw error;
      const { status } = await containerState(store, record.id);
      if (status !== 'running') throw error;
      if (left > 1) continue;
      throw new TsbuildError(
        'CONTAINER_STATE',
        `container ${record.name} changed its files while they were read`,
        { hint: `pause it meanwhile: tsbuild pause ${record.name}`, cause: error },
      );
    }
  }
}

async function collect(
  upper: RootDir,
  base: RootDir,
  signal: AbortSignal | undefined,
): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for await (const change of upperChanges(upper, base, signal)) changes.push(change);
  return changes;
}

/** By the very path: where a link stood on the way, the name below it is a new one. */
function isThere(base: RootDir, path: ByteString): boolean {
  const parent = path.slice(0, Math.max(path.lastIndexOf('/'), 0)) as ByteString;
  return base.resolve(parent) === `/${parent}` && base.tryLstat(path) !== undefined;
}
