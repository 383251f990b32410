import { basename } from 'node:path';

import { canonicalJson, isDigest, TsbuildError, type Json, sha256Hex } from '../core/index.ts';
import { formatReference, parseReference } from '../oci/index.ts';
import type { Descriptor } from '../oci/index.ts';
import { publish, readJsonIfThere, removeIfThere, type Staging } from './files.ts';
import type { Settled } from './settled.ts';
import type { Ref } from './types.ts';

/**
 * A name has two files, and its newest target is written into the one that does not hold the newest target that is on the
 * disk: nothing is synced, and yet a power loss leaves the one or the other. Of a target that was not settled before it,
 * what it points to must be there; else the name means what it meant before.
 */
export interface RefSlots {
  read(): KnownRef | undefined;
  write(ref: Ref, staging: Staging): void;
  /** False when there was none. */
  remove(): boolean;
}

export interface KnownRef extends Ref {
  /** On the disk, or at least in this boot's memory. */
  readonly settled: boolean;
}

export interface RefSlotOptions {
  readonly settled: Pick<Settled, 'stamp' | 'trusts' | 'isOnDisk'>;
  /** Whether the image that a name points to is in the store, and is what it should be. */
  readonly holds: (target: Descriptor) => boolean;
}

/** What the second of a name's files ends with. */
const secondSlot = '~';

/** The first of a name's files. Only a name in its normal form is a key: two spellings of one name would be two refs. */
export function fileName(name: string): string {
  if (formatReference(parseReference(name)) !== name) {
    throw new TsbuildError('REFERENCE_INVALID', `not a full image name: ${JSON.stringify(name)}`);
  }
  const encoded = encodeURIComponent(name);
  if (encoded.length <= 200) return `${encoded}.json`;
  // A file name has at most 255 bytes; the content holds the name in full.
  return `${encoded.slice(0, 120)}~${sha256Hex(name)}.json`;
}

/** Whether it is one of a name's files: a crash may have left the bytes of another's in its place. */
export function isFileOf(file: string, name: string): boolean {
  try {
    return fileName(name) === firstSlot(file);
  } catch {
    return false;
  }
}

/** The first of a name's files, of either. */
export function firstSlot(path: string): string {
  return path.endsWith(secondSlot) ? path.slice(0, -secondSlot.length) : path;
}

export function refSlots(path: string, { settled, holds }: RefSlotOptions): RefSlots {
  const paths = [path, `${path}${secondSlot}`] as const;
  const newestFirst = (): readonly Slot[] =>
    paths.flatMap((each) => readSlot(each) ?? []).sort((one, other) => other.version - one.version);
  return {
    read() {
      const slots = newestFirst();
      const isSettled = (slot: Slot): boolean => slot.stamp === undefined || settled.trusts(slot.stamp);
      // Where nothing can be trusted the newest says best what is missing.
      const found = slots.find((slot) => isSettled(slot) || holds(slot.ref.target)) ?? slots[0];
      return found && { ...found.ref, settled: isSettled(found) };
    },
    write(ref, staging) {
      const slots = newestFirst();
      const kept = slots.find(({ stamp }) => stamp === undefined || settled.isOnDisk(stamp)) ?? slots[0];
      const version = (slots[0]?.version ?? 0) + 1;
      const text = canonicalJson({
        ...settled.stamp(),
        version,
        name: ref.name,
        target: ref.target as unknown as Json,
      });
      publish(staging, kept?.path === paths[0] ? paths[1] : paths[0], text);
    },
    remove() {
      const slots = newestFirst();
      // The newest last: whoever reads meanwhile sees that or nothing, not what the name meant before.
      const order = paths.toSorted((one) => (one === slots[0]?.path ? 1 : -1));
      return order.map((each) => removeIfThere(each)).includes(true);
    },
  };
}

interface Slot {
  readonly path: string;
  readonly ref: Ref;
  readonly version: number;
  /** Undefined in a file that was synced when it was written. */
  readonly stamp: { readonly boot: string; readonly at: number } | undefined;
}

/** A damaged file reads as none, and one that holds another name does. */
function readSlot(path: string): Slot | undefined {
  const value = readJsonIfThere(path) as
    | (Partial<Ref> & { readonly version?: unknown; readonly boot?: unknown; readonly at?: unknown })
    | null
    | undefined;
  if (typeof value?.name !== 'string' || !isDescriptor(value.target)) return undefined;
  const { name, target, version, boot, at } = value;
  if (!isFileOf(basename(path), name)) return undefined;
  const stamp = typeof boot === 'string' && typeof at === 'number' ? { boot, at } : undefined;
  return { path, ref: { name, target }, version: typeof version === 'number' ? version : 0, stamp };
}

function isDescriptor(value: unknown): value is Descriptor {
  const target = value as Partial<Descriptor> | null | undefined;
  return (
    typeof target?.mediaType === 'string' &&
    typeof target.digest === 'string' &&
    isDigest(target.digest) &&
    Number.isSafeInteger(target.size)
  );
}
