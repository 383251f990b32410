import {
  canonicalJson,
  digestOf,
  digestParts,
  isDigest,
  isJsonObject,
  type Json,
} from '../../../core/index.ts';
import type { KeyParts } from '../../../solver/index.ts';
import type { PackedLayer, Snapshot } from '../../../snapshot/index.ts';
import { readIfThere } from '../../../store/index.ts';
import { removeFile, version } from '../../../sys/index.ts';
import type { BuildContext } from '../../context.ts';
import { snapshotFromJson } from '../../state-json.ts';
import type { BuildServices } from '../../types.ts';
import { folderFromJson, type CopiedFolder, type CopiedLog, type Noted } from './copied-tree.ts';

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
  /** Of its changes, a byte a character; see `CopiedFolder`. */
  readonly text: Buffer;
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

/** What a copy noted beside the files of its snapshot; undefined where it is of no use, and gone. */
export function notedOf(
  path: string,
  { log, layer }: { log: CopiedLog; layer: PackedLayer },
): Noted | undefined {
  const noted = layer.size < fewestBytes ? undefined : log.result();
  if (noted === undefined) removeFile(path);
  return noted;
}

/** Of a snapshot that is committed by now: what is on the disk with the record, is there before it. */
export async function rememberCopied(
  { store }: Pick<Services, 'store'>,
  key: string,
  { snapshot, layer, noted }: { snapshot: Snapshot; layer: PackedLayer; noted: Noted },
): Promise<void> {
  const { diffId, size } = layer;
  const { chain } = snapshot;
  await store.records.put('copies', key, { chain, layer: diffId, size, noted: { ...noted } });
}

/** Undefined where there is none, or a part of it is gone; it stays until the end of the build. */
export async function findCopied(services: Services, key: string): Promise<Copied | undefined> {
  const record = await services.store.records.get('copies', key);
  if (!isJsonObject(record)) return undefined;
  const { layer, size } = record;
  const noted = notedFromJson(record['noted']);
  const snapshot = snapshotFromJson(record['chain']);
  if (snapshot === undefined || noted === undefined || typeof size !== 'number') return undefined;
  if (typeof layer !== 'string' || !isDigest(layer)) return undefined;
  await services.lease.keep({ snapshot: snapshot.id });
  await services.lease.keep({ blob: layer });
  if (!(await services.snapshotter.exists(snapshot.id))) return undefined;
  if ((await services.store.blobs.stat(layer))?.size !== size) return undefined;
  const notes = readIfThere(services.snapshotter.notes(snapshot.id));
  if (notes === undefined || digestOf(notes) !== noted.digest) return undefined;
  const folder = folderFromJson(JSON.parse(notes.toString('latin1', noted.text)) as Json);
  const text = notes.subarray(0, noted.text);
  return folder && { snapshot, layer: { diffId: layer, size, entries: noted.entries }, folder, text };
}

function notedFromJson(value: Json | undefined): Noted | undefined {
  if (!isJsonObject(value)) return undefined;
  const { digest, text, entries } = value;
  if (typeof digest !== 'string' || !isDigest(digest)) return undefined;
  return typeof text === 'number' && typeof entries === 'number' ? { digest, text, entries } : undefined;
}
