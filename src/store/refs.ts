import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { canonicalJson, fromErrno, TsbuildError, type Json } from '../core/index.ts';
import { publish, readIfThere, type Staging } from './files.ts';
import { layoutIndex, namesTarget } from './layout-index.ts';
import { fileName, firstSlot, refSlots, type RefSlotOptions, type RefSlots } from './ref-slots.ts';
import type { Ref, RefStore, Store } from './types.ts';

export interface RefStoreOptions extends RefSlotOptions {
  /** Two files a ref at most. */
  readonly folder: string;
  /** The layout's index.json. */
  readonly index: string;
  readonly staging: Staging;
  readonly locks: Pick<Store, 'lock'>;
}

/** The ref files are the truth, index.json is made from them: after a crash between the two the next change repairs it. */
export function openRefs(options: RefStoreOptions): RefStore {
  const { folder, index, staging, locks } = options;
  const slotsOf = (name: string): RefSlots => refSlots(join(folder, fileName(name)), options);

  const list = (): readonly Ref[] => {
    const files = new Set(fileNames(folder).map(firstSlot));
    const refs = [...files].flatMap((file) => refSlots(join(folder, file), options).read() ?? []);
    return refs.map(({ name, target }) => ({ name, target })).sort((a, b) => (a.name < b.name ? -1 : 1));
  };
  /** Not synced: a power loss may damage it, and the next change of a name, or of anything in this boot, makes it anew. */
  const deriveIndex = (stays: (ref: Ref) => boolean = () => true): void => {
    const text = layoutIndex(list().filter(stays));
    if (readIfThere(index)?.toString('utf8') !== text) publish(staging, index, text);
  };

  return {
    list: async () => list(),
    async get(name) {
      const found = slotsOf(name).read();
      return found && { name: found.name, target: found.target };
    },
    async set(ref) {
      const slots = slotsOf(ref.name);
      // A build that changes nothing names the same image again: two reads instead of a lock and two writes.
      const before = slots.read();
      const isKnown = before?.settled === true && encode(before) === encode(ref);
      if (isKnown && namesTarget(readIfThere(index)?.toString('utf8'), ref)) return;
      await using _lock = await locks.lock('refs');
      if (!isKnown) slots.write(ref, staging);
      deriveIndex();
    },
    async delete(name) {
      const slots = slotsOf(name);
      await using _lock = await locks.lock('refs');
      if (slots.read() === undefined) return slots.remove();
      // The file last: killed in between, the name can be removed again, and the index comes to agree.
      try {
        deriveIndex((ref) => ref.name !== name);
      } catch (error) {
        // Names are removed to make room: on a full disk the index keeps one too many until the next change.
        if (!(error instanceof TsbuildError) || error.code !== 'DISK_FULL') throw error;
      }
      return slots.remove();
    },
    async reindex() {
      await using _lock = await locks.lock('refs');
      deriveIndex();
    },
  };
}

function fileNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    throw fromErrno(error, `listing ${folder}`);
  }
}

function encode({ name, target }: Ref): string {
  return canonicalJson({ name, target: target as unknown as Json });
}
