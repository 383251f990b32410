import { closeSync, openSync } from 'node:fs';

import { TsbuildError } from '../../../core/index.ts';
import { startTicksOf, type ContainerSpec } from '../../../runtime/index.ts';
import type { Store } from '../../../store/index.ts';
import type { NetworkNamespace } from '../../../sys/index.ts';
import { copyHostFiles } from '../host-files.ts';
import { containerFolder, containerState, readRecord } from '../records.ts';
import type { ContainerRecord } from '../types.ts';
import { inNamespace } from './namespace.ts';
import type { Joined } from './types.ts';

interface ContainerStart {
  readonly record: ContainerRecord;
  readonly spec: ContainerSpec;
  /** Of the other. */
  readonly id: string;
}

/** Joins the network of another container. Throws CONTAINER_STATE when that does not run. */
export async function joinContainer(store: Store, { record, spec, id }: ContainerStart): Promise<Joined> {
  const other = readRecord(store, id);
  const name = other?.name ?? id.slice(0, 12);
  const state = other === undefined ? undefined : await containerState(store, id);
  const namespace = state?.status === 'running' ? runningNamespace(state) : undefined;
  if (namespace === undefined) {
    throw new TsbuildError(
      'CONTAINER_STATE',
      `the network of container ${name} cannot be joined: it is not running`,
      { hint: `start it first: tsbuild start ${name}` },
    );
  }
  try {
    copyHostFiles(containerFolder(store, id), containerFolder(store, record.id));
  } catch (error) {
    namespace[Symbol.dispose]();
    throw error;
  }
  return {
    spec: inNamespace(spec, namespace),
    network: undefined,
    [Symbol.asyncDispose]: async () => namespace[Symbol.dispose](),
  };
}

/** Undefined when the process has ended, though its number may be another's by now. */
function runningNamespace({
  pid,
  startTicks,
}: {
  readonly pid: number;
  readonly startTicks?: number | undefined;
}): NetworkNamespace | undefined {
  let fd: number;
  try {
    fd = openSync(`/proc/${pid}/ns/net`, 'r');
  } catch {
    return undefined;
  }
  if (startTicks === undefined || startTicksOf(pid) === startTicks) {
    return { fd, path: `/proc/${process.pid}/fd/${fd}`, [Symbol.dispose]: () => closeSync(fd) };
  }
  closeSync(fd);
  return undefined;
}
