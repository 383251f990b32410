import { readFileSync, writeFileSync } from 'node:fs';

import {
  canonicalJson,
  digestOf,
  digestParts,
  isDigest,
  isErrno,
  isJsonObject,
  type Digest,
  type Json,
} from '../../../core/index.ts';
import type { KeyParts } from '../../../solver/index.ts';
import type { PackedLayer, Snapshot, SnapshotId } from '../../../snapshot/index.ts';
import { version } from '../../../sys/index.ts';
import type { BuildContext } from '../../context.ts';
import { snapshotFromJson } from '../../state-json.ts';
import type { BuildServices } from '../../types.ts';
import { folderFromJson, folderToJson, type CopiedFolder, type CopiedLog } from './copied-tree.ts';

type Services = Pick<BuildServices, 'store' | 'snapshotter' | 'lease'>;

/** Raised when what is noted changes. */
const formatVersion = 1;
/** A smaller layer is made anew as soon. */
const fewestBytes = 2 << 20;

/** An earlier whole result of a COPY that is there: its files, its layer, and what is known of them. */
export interface Copied {
  readonly snapshot: Snapshot;
  readonly layer: Pick<PackedLayer, 'diffId' | 'size' | 'entries'>;
  readonly folder: CopiedFolder;
  /** Of its changes; see `CopiedFolder`. */
  readonly text: string;
}

/** What a COPY is known by whatever its files hold: what a folder's copy stands on, and how it is made. */
export function copiedKey(
  parts: KeyParts,
  { context, parent }: { readonly context: BuildContext; readonly parent: Snapshot },
): string {
  // The same version writes the same entry as the same bytes.
  const by = [formatVersion, version()];
  const from = context.root.lstat('' as Parameters<typeof context.root.lstat>[0]).inode;
  return digestParts(digestOf(canonicalJson({ by, from, on: [...parent.chain], parts }))).hex;
}

/** Leaves notes beside the files of a snapshot that is not yet committed; undefined where they would be of no use. */
export function noteCopied(
  { snapshotter }: Pick<Services, 'snapshotter'>,
  id: SnapshotId,
  { log, layer }: { readonly log: CopiedLog; readonly layer: PackedLayer },
): Digest | undefined {
  const noted = layer.size < fewestBytes ? undefined : log.result();
  if (noted === undefined) return undefined;
  const { folder, text, entries } = noted;
  const notes = `${canonicalJson({ folder: folderToJson(folder), entries })}\n${text}`;
  const bytes = Buffer.from(notes, 'latin1');
  writeFileSync(snapshotter.notes(id), bytes, { flag: 'wx', mode: 0o600 });
  return digestOf(bytes);
}

/** Of a snapshot that is committed by now: what is on the disk with the record, is there before it. */
export async function rememberCopied(
  { store }: Pick<Services, 'store'>,
  key: string,
  { snapshot, layer, notes }: { snapshot: Snapshot; layer: PackedLayer; notes: Digest },
): Promise<void> {
  const { diffId, size } = layer;
  await store.records.put('copies', key, { chain: snapshot.chain, layer: diffId, size, notes });
}

/** Undefined where there is none, or a part of it is gone; it stays until the end of the build. */
export async function findCopied(services: Services, key: string): Promise<Copied | undefined> {
  const record = await services.store.records.get('copies', key);
  if (!isJsonObject(record)) return undefined;
  const { layer, size, notes } = record;
  const snapshot = snapshotFromJson(record['chain']);
  if (snapshot === undefined || typeof size !== 'number') return undefined;
  if (typeof layer !== 'string' || !isDigest(layer)) return undefined;
  await services.lease.keep({ snapshot: snapshot.id });
  await services.lease.keep({ blob: layer });
  if (!(await services.snapshotter.exists(snapshot.id))) return undefined;
  if ((await services.store.blobs.stat(layer))?.size !== size) return undefined;
  const noted = notesOf(services.snapshotter.notes(snapshot.id), notes);
  if (noted === undefined) return undefined;
  const { entries, ...tree } = noted;
  return { snapshot, layer: { diffId: layer, size, entries }, ...tree };
}

function notesOf(
  path: string,
  digest: Json | undefined,
): (Pick<Copied, 'folder' | 'text'> & { readonly entries: number }) | undefined {
  const bytes = readIfThere(path);
  if (bytes === undefined || digestOf(bytes) !== digest) return undefined;
  const notes = bytes.toString('latin1');
  const end = notes.indexOf('\n');
  const head = JSON.parse(notes.slice(0, end)) as Json;
  if (!isJsonObject(head) || typeof head['entries'] !== 'number') return undefined;
  const folder = folderFromJson(head['folder']);
  return folder && { folder, text: notes.slice(end + 1), entries: head['entries'] };
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
