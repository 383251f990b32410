import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { fromText, isErrno, nearestName, TsbuildError } from '../../core/index.ts';
import type { Lock, Store } from '../../store/index.ts';
import { namesIn, openRootDir } from '../../sys/index.ts';
import { checkContainerName } from './names.ts';
import type { ContainerRecord, ContainerState } from './types.ts';

const idPattern = /^[0-9a-f]{64}$/;

/** Folder of one container: its record, state, writable files and log. */
export function containerFolder(store: Store, id: string): string {
  if (!idPattern.test(id)) throw new Error(`not a container id: ${id}`);
  return join(store.containers, id);
}

/** Throws CONTAINER_NAME_IN_USE. */
export function refuseTakenName(store: Store, name: string): void {
  const other = listContainers(store).find((record) => record.name === name);
  if (other === undefined) return;
  throw new TsbuildError(
    'CONTAINER_NAME_IN_USE',
    `the name ${name} is in use by container ${other.id.slice(0, 12)}`,
    { hint: `choose another one, or remove that container: tsbuild rm ${name}` },
  );
}

/** Stores a new container under a name that no other has. Throws CONTAINER_NAME_IN_USE. */
export async function nameContainer(store: Store, record: ContainerRecord): Promise<void> {
  await using _lock = await store.lock('container-names');
  refuseTakenName(store, record.name);
  const folder = containerFolder(store, record.id);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeWhole(join(folder, 'state.json'), { status: 'created' } satisfies ContainerState);
  // Last: a folder without a record is not a container.
  writeWhole(join(folder, 'container.json'), record);
}

/** Throws CONTAINER_NAME_IN_USE, USAGE for an invalid name. */
export async function renameContainer(store: Store, id: string, name: string): Promise<void> {
  checkContainerName(name);
  await using _lock = await store.lock('container-names');
  const record = findContainer(store, id);
  if (record.name === name)
    throw new TsbuildError('CONTAINER_NAME_IN_USE', `the container is named ${name} already`);
  refuseTakenName(store, name);
  writeWhole(join(containerFolder(store, id), 'container.json'), { ...record, name });
}

/** Also of folders that never became a container. */
export function containerIds(store: Store): readonly string[] {
  return namesIn(store.containers).filter((name) => idPattern.test(name));
}

/** Newest first. */
export function listContainers(store: Store): readonly ContainerRecord[] {
  const records = containerIds(store).flatMap((id) => readRecord(store, id) ?? []);
  return records.sort((a, b) => b.created.localeCompare(a.created));
}

/** Whether it ever became a container. */
export function hasRecord(store: Store, id: string): boolean {
  return existsSync(join(containerFolder(store, id), 'container.json'));
}

/** Undefined when there is none, or none that can be read. */
export function readRecord(store: Store, id: string): ContainerRecord | undefined {
  return readJson(join(containerFolder(store, id), 'container.json')) as ContainerRecord | undefined;
}

/** By name, id, or a prefix of an id that no other has. Throws CONTAINER_NOT_FOUND. */
export function findContainer(store: Store, text: string): ContainerRecord {
  const all = listContainers(store);
  const exact = all.find(({ id, name }) => id === text || name === text);
  if (exact !== undefined) return exact;
  const [first, second] = /^[0-9a-f]+$/.test(text) ? all.filter(({ id }) => id.startsWith(text)) : [];
  if (first !== undefined && second === undefined) return first;
  if (second !== undefined)
    throw new TsbuildError('CONTAINER_NOT_FOUND', `several containers have ids that begin with ${text}`);
  const near = nearestName(
    text,
    all.map(({ name }) => name),
  );
  throw new TsbuildError('CONTAINER_NOT_FOUND', `no such container: ${text}`, {
    hint: near === undefined ? 'tsbuild ps -a lists what there is' : `did you mean ${near}?`,
  });
}

/** Held by whoever makes, runs or removes the container, for as long as that takes. */
export async function tryContainerLock(store: Store, id: string): Promise<Lock | undefined> {
  return store.tryLock(`container-${id}`);
}

/** Waits until nobody holds the container any more. */
export async function containerLock(store: Store, id: string): Promise<Lock> {
  return store.lock(`container-${id}`);
}

/** The state as it is: a container whose holder is gone does not run, whatever its file says. */
export async function containerState(store: Store, id: string): Promise<ContainerState> {
  const state = readState(store, id) ?? { status: 'created' };
  if (state.status !== 'running' && state.status !== 'restarting') return state;
  await using lock = await tryContainerLock(store, id);
  if (lock === undefined) return state;
  const again = readState(store, id) ?? state;
  if (again.status === 'running') return { status: 'dead', started: again.started };
  // The program had ended before its monitor did.
  return again.status === 'restarting' ? { ...again, status: 'exited' } : again;
}

export function readState(store: Store, id: string): ContainerState | undefined {
  return readJson(join(containerFolder(store, id), 'state.json')) as ContainerState | undefined;
}

export function writeState(store: Store, id: string, state: ContainerState): void {
  writeWhole(join(containerFolder(store, id), 'state.json'), state);
}

/**
 * Removes a container that does not run, files and all; one that is gone already is no error. Its volumes stay, whoever
 * finishes what was begun here.
 */
export function deleteContainer(store: Store, id: string): void {
  // Before the record: in a folder without one the note says that those volumes are to go.
  rmSync(volumesNote(store, id), { force: true });
  deleteRecord(store, id);
  // By descriptors: what the container left may be deeper than a path can be long.
  using containers = openRootDir(store.containers);
  containers.removeAll(fromText(id));
}

/** From then on there is no such container, however far the removal of the rest gets. */
export function deleteRecord(store: Store, id: string): void {
  rmSync(join(containerFolder(store, id), 'container.json'), { force: true });
}

/** Names of the volumes that go with the folder when it has no record: see `noteVolumes`. */
export function volumesNote(store: Store, id: string): string {
  return join(containerFolder(store, id), 'volumes');
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

function writeWhole(path: string, value: unknown): void {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, `${JSON.stringify(value)}\n`, { mode: 0o600 });
  renameSync(temporary, path);
}
