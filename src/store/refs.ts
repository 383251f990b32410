import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { canonicalJson, fromErrno, isDigest, TsbuildError, type Json } from '../core/index.ts';
import { formatReference, parseReference } from '../oci/index.ts';
import type { Descriptor } from '../oci/index.ts';
import { readIfThere, readJsonIfThere, removeIfThere, replace, type Staging } from './files.ts';
import { layoutIndex, namesTarget } from './layout-index.ts';
import type { Ref, RefStore, Store } from './types.ts';

export interface RefStoreOptions {
  /** One file a ref. */
  readonly folder: string;
  /** The layout's index.json. */
  readonly index: string;
  readonly staging: Staging;
  readonly locks: Pick<Store, 'lock'>;
}

/** The ref files are the truth, index.json is made from them: after a crash between the two the next change repairs it. */
export function openRefs(options: RefStoreOptions): RefStore {
  const { folder, index, staging, locks } = options;
  const pathOf = (name: string): string => join(folder, fileName(name));

  const list = (): readonly Ref[] => {
    const refs = fileNames(folder).flatMap((file) => readRef(join(folder, file)) ?? []);
    return refs.sort((a, b) => (a.name < b.name ? -1 : 1));
  };
  const deriveIndex = (stays: (ref: Ref) => boolean = () => true): void =>
    replace(staging, index, layoutIndex(list().filter(stays)));

  return {
    list: async () => list(),
    get: async (name) => readRef(pathOf(name)),
    async set(ref) {
      const path = pathOf(ref.name);
      const text = encode(ref);
      // A build that changes nothing names the same image again: two reads instead of a lock and two writes.
      const before = readRef(path);
      if (before && encode(before) === text && namesTarget(readIfThere(index)?.toString('utf8'), ref)) return;
      await using _lock = await locks.lock('refs');
      replace(staging, path, text);
      deriveIndex();
    },
    async delete(name) {
      const path = pathOf(name);
      await using _lock = await locks.lock('refs');
      if (!existsSync(path)) return false;
      // The file last: killed in between, the name can be removed again, and the index comes to agree.
      try {
        deriveIndex((ref) => ref.name !== name);
      } catch (error) {
        // Names are removed to make room: on a full disk the index keeps one too many until the next change.
        if (!(error instanceof TsbuildError) || error.code !== 'DISK_FULL') throw error;
      }
      return removeIfThere(path);
    },
    async reindex() {
      await using _lock = await locks.lock('refs');
      deriveIndex();
    },
  };
}

/** Only a name in its normal form is a key: two spellings of one name would be two refs. */
function fileName(name: string): string {
  if (formatReference(parseReference(name)) !== name) {
    throw new TsbuildError('REFERENCE_INVALID', `not a full image name: ${JSON.stringify(name)}`);
  }
  const encoded = encodeURIComponent(name);
  if (encoded.length <= 200) return `${encoded}.json`;
  // A file name has at most 255 bytes; the content holds the name in full.
  return `${encoded.slice(0, 120)}~${createHash('sha256').update(name).digest('hex')}.json`;
}

function fileNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    throw fromErrno(error, `listing ${folder}`);
  }
}

function encode(ref: Ref): string {
  return canonicalJson({ name: ref.name, target: ref.target as unknown as Json });
}

/** A damaged file reads as no ref. */
function readRef(path: string): Ref | undefined {
  const value = readJsonIfThere(path) as Partial<Ref> | null | undefined;
  if (typeof value?.name !== 'string' || !isDescriptor(value.target)) return undefined;
  return { name: value.name, target: value.target };
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
