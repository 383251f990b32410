import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { fromText, isErrno, nearestName, TsbuildError } from '../../core/index.ts';
import type { Lock, Store } from '../../store/index.ts';
import { namesIn, openRootDir } from '../../sys/index.ts';
import { listContainers } from '../container/records.ts';
import type { ContainerRecord } from '../container/types.ts';
import { checkVolumeName, isVolumeName } from './names.ts';

export interface VolumeRecord {
  readonly name: string;
  /** ISO 8601. */
  readonly created: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Made for one container, and removed with it when asked for. */
  readonly anonymous: boolean;
  /** `filling`: being filled from an image; when that process has died, what is there counts for nothing. */
  readonly state: 'ready' | 'filling';
}

/** Host folder of what a volume holds. */
export function volumeData(store: Store, name: string): string {
  return join(volumeFolder(store, name), '_data');
}

function volumesFolder(store: Store): string {
  return join(store.root, 'volumes');
}

function volumeFolder(store: Store, name: string): string {
  return join(volumesFolder(store), checkVolumeName(name));
}

/** Held by whoever makes, fills or removes the volume, and by who makes a container with it until that has a record. */
export async function volumeLock(store: Store, name: string): Promise<Lock> {
  return store.lock(`volume-${checkVolumeName(name)}`);
}

export async function tryVolumeLock(store: Store, name: string): Promise<Lock | undefined> {
  return store.tryLock(`volume-${checkVolumeName(name)}`);
}

/** Undefined when there is none. */
export function readVolume(store: Store, name: string): VolumeRecord | undefined {
  try {
    const text = readFileSync(join(volumeFolder(store, name), 'volume.json'), 'utf8');
    return JSON.parse(text) as VolumeRecord;
  } catch (error) {
    if (error instanceof SyntaxError || isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** By name. */
export function listVolumes(store: Store): readonly VolumeRecord[] {
  const names = namesIn(volumesFolder(store)).filter(isVolumeName);
  return names.toSorted().flatMap((name) => readVolume(store, name) ?? []);
}

/** Throws VOLUME_NOT_FOUND. */
export function findVolume(store: Store, name: string): VolumeRecord {
  const found = readVolume(store, name);
  if (found !== undefined) return found;
  const near = nearestName(
    name,
    listVolumes(store).map((volume) => volume.name),
  );
  throw new TsbuildError('VOLUME_NOT_FOUND', `no such volume: ${name}`, {
    hint: near === undefined ? 'tsbuild volume ls lists what there is' : `did you mean ${near}?`,
  });
}

export interface NewVolume {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly anonymous?: boolean | undefined;
}

/** Makes the volume unless it is there; its lock must be held. */
export function ensureVolume(
  store: Store,
  { name, labels = {}, anonymous = false }: NewVolume,
): VolumeRecord {
  const found = readVolume(store, name);
  if (found !== undefined) return found;
  const record = { name, created: new Date().toISOString(), labels, anonymous, state: 'ready' } as const;
  // Programs of any user come here by way of a container; on the host nobody does.
  mkdirSync(volumesFolder(store), { recursive: true, mode: 0o700 });
  mkdirSync(volumeData(store, name), { recursive: true, mode: 0o755 });
  writeVolume(store, record);
  return record;
}

/** Its lock must be held. */
export function writeVolume(store: Store, record: VolumeRecord): void {
  const path = join(volumeFolder(store, record.name), 'volume.json');
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  renameSync(temporary, path);
}

/** Whether a container was made with it. */
export function usesVolume({ volumes = [] }: ContainerRecord, name: string): boolean {
  return volumes.some((use) => use.name === name);
}

/** Removes a volume that no container uses. Throws VOLUME_NOT_FOUND, VOLUME_IN_USE. */
export async function removeVolume(store: Store, name: string): Promise<void> {
  findVolume(store, name);
  await using _lock = await volumeLock(store, name);
  const users = listContainers(store).filter((record) => usesVolume(record, name));
  if (users.length > 0) {
    const names = users.map((user) => user.name);
    throw new TsbuildError('VOLUME_IN_USE', `volume ${name} is in use by ${names.join(', ')}`, {
      hint: `remove ${users.length === 1 ? 'that container' : 'those containers'} first: tsbuild rm ${names.join(' ')}`,
    });
  }
  deleteVolume(store, name);
}

/** Its lock must be held. By descriptors: what is in it may be deeper than a path can be long. */
export function deleteVolume(store: Store, name: string): void {
  checkVolumeName(name);
  if (!existsSync(volumesFolder(store))) return;
  using volumes = openRootDir(volumesFolder(store));
  const aside = fromText(asideName(name));
  volumes.removeAll(aside);
  try {
    // At once: the rest of a removal must not be found in a new volume of the name.
    volumes.rename(fromText(name), aside);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  volumes.removeAll(aside);
}

/** Names of volumes whose removal was killed, or is under way. */
export function removedVolumes(store: Store): readonly string[] {
  const asides = namesIn(volumesFolder(store)).filter((entry) => entry.startsWith('.'));
  return asides.map((entry) => entry.slice(1)).filter(isVolumeName);
}

/** Goes on with a removal that was killed. */
export async function sweepVolume(store: Store, name: string): Promise<void> {
  await using lock = await tryVolumeLock(store, name);
  if (lock === undefined) return;
  using volumes = openRootDir(volumesFolder(store));
  volumes.removeAll(fromText(asideName(name)));
}

/** No volume's. */
function asideName(name: string): string {
  return `.${name}`;
}
