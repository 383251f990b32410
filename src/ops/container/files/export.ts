import type { ByteString } from '../../../core/index.ts';
import type { TarSink } from '../../../tar/index.ts';
import type { ContainerRecord } from '../types.ts';
import { mergedRoot } from './container-root.ts';
import { writeTreeArchive } from './tree-archive.ts';

/**
 * `docker export`: the root file system of a container as one tar, without what is mounted in it. The same files give
 * the same bytes. Throws INTERRUPTED when the signal is aborted.
 */
export async function exportContainer(
  record: ContainerRecord,
  sink: TarSink,
  signal?: AbortSignal,
): Promise<void> {
  using root = mergedRoot(record);
  await writeTreeArchive(root, '' as ByteString, sink, { name: '' as ByteString, signal });
}
