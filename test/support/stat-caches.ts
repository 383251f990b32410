import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

import type { Digest } from '../../src/core/index.ts';
import type { BuildContext } from '../../src/ops/index.ts';
import { openFolder } from '../../src/ops/contexts/index.ts';
import { openStatCaches } from '../../src/ops/copy/stat-caches.ts';
import { selectWords } from '../../src/ops/copy/selection.ts';
import type { StatCache } from '../../src/ops/copy/stat-cache.ts';
import { Breath } from '../../src/snapshot/index.ts';
import type { FolderEntries, RootDir } from '../../src/sys/index.ts';
import type { Store } from '../../src/store/index.ts';

/** What a reading of a whole context came to, and the files that it opened for it. */
export interface Reading {
  readonly digest: Digest;
  readonly opened: readonly string[];
}

/** As `COPY .` keys it. */
export async function readContext(context: BuildContext, known: StatCache | undefined): Promise<Reading> {
  const opened: string[] = [];
  const tree = { root: watched(context.root, opened), name: 'the context', known };
  const { digest } = await selectWords(tree, ['.'], { owners: false, breath: new Breath() });
  return { digest, opened };
}

/** A root that tells what is opened in it, below `folder`. */
function watched(root: RootDir, opened: string[], folder = ''): RootDir {
  return new Proxy(root, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...given: readonly unknown[]): unknown => {
        const path = join(folder, String(given[0]));
        if (name === 'open') opened.push(path);
        const result: unknown = Reflect.apply(value, target, given);
        if (name === 'sub') return watched(result as RootDir, opened, path);
        return name === 'entries' ? watchedEntries(result as FolderEntries, opened, path) : result;
      };
    },
  });
}

function watchedEntries(entries: FolderEntries, opened: string[], folder: string): FolderEntries {
  return {
    ...entries,
    digests(root, files) {
      opened.push(...files.map(({ name }) => join(folder, name)));
      return entries.digests(root, files);
    },
  };
}

export interface ReadOptions {
  readonly anew?: boolean;
  /** Milliseconds within which changes are not told apart; 20 unless told. */
  readonly granularity?: number;
  readonly mostBytes?: number;
  /** Between opening and reading. */
  readonly meanwhile?: () => void;
}

/** One build's reading of a folder, with what earlier ones left in the store. */
export async function readAgain(
  store: Store,
  folder: string,
  { anew = false, granularity = 20, mostBytes, meanwhile }: ReadOptions = {},
): Promise<Reading> {
  using context = await openFolder(folder);
  await using caches = openStatCaches(store, { anew, granularity, mostBytes });
  meanwhile?.();
  return await readContext(context, caches.of(context));
}

/** Changes what was written, its head and its rows apart, with a right checksum. */
export function rewriteStatCache(
  store: Store,
  change: (saved: { readonly head: string[]; readonly rows: string }) => { head: string[]; rows: string },
): void {
  const folder = join(store.root, 'stat-cache');
  for (const name of readdirSync(folder)) {
    const text = readFileSync(join(folder, name), 'latin1');
    const end = text.indexOf('\n');
    const { head, rows } = change({ head: text.slice(0, end).split('\t'), rows: text.slice(end + 1) });
    const sum = String(crc32(Buffer.from(rows, 'latin1')));
    writeFileSync(join(folder, name), `${[...head.slice(0, 3), sum].join('\t')}\n${rows}`, 'latin1');
  }
}
