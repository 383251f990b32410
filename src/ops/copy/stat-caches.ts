import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

import { digestOf, digestParts, type ByteString } from '../../core/index.ts';
import type { Store } from '../../store/index.ts';
import { removeFile, version } from '../../sys/index.ts';
import type { BuildContext } from '../context.ts';
import { StatCache } from './stat-cache.ts';

/** The stat caches of a build's contexts; disposing keeps what is new. */
export interface StatCaches extends AsyncDisposable {
  /** Undefined for what was unpacked or checked out for this build alone. */
  of(context: BuildContext): StatCache | undefined;
}

export interface StatCacheOptions {
  /** Nothing that is there is believed, and all that is read is remembered (--no-cache). */
  readonly anew: boolean;
  /** See `StatCache`. */
  readonly granularity?: number | undefined;
  /** Of a file of what is known: a larger one is neither read nor written. */
  readonly mostBytes?: number | undefined;
}

const folderName = 'stat-cache';
/** Those written last; two a context. */
const mostFiles = 64;
const usualMostBytes = 64 << 20;
/** Bytes of the first line, at most. */
const mostOfHead = 200;
/** Of one version: what it takes of a folder, another may leave out. */
const formatOf = (): string => `tsbuild ${version()} stat cache 2`;

/** What is known of files, and of whole folders. */
type Kind = 'files' | 'folders';

function fileOf(path: string, kind: Kind): string {
  return kind === 'files' ? path : `${path}-folders`;
}

/**
 * Two files a context, in `stat-cache/` of the store, named by the folder's inode, so that it does not matter by what
 * path it is reached.
 */
export function openStatCaches(
  store: Store,
  { anew, granularity, mostBytes = usualMostBytes }: StatCacheOptions,
): StatCaches {
  const open = new Map<BuildContext, { readonly path: string; readonly cache: StatCache }>();
  const folder = join(store.root, folderName);
  const pathOf = ({ root }: BuildContext): string =>
    join(folder, digestParts(digestOf(root.lstat('' as ByteString).inode)).hex);
  return {
    of(context) {
      if (context.lasting !== true) return undefined;
      let opened = open.get(context);
      if (opened === undefined) {
        const path = pathOf(context);
        const load = (kind: Kind): string | undefined =>
          anew ? undefined : readRows(fileOf(path, kind), mostBytes);
        opened = { path, cache: new StatCache({ load, granularity }) };
        open.set(context, opened);
      }
      return opened.cache;
    },
    async [Symbol.asyncDispose]() {
      for (const { path, cache } of open.values()) {
        const rows = cache.rows();
        const write = async (kind: Kind, text: string | undefined): Promise<void> => {
          if (text !== undefined && text.length + mostOfHead <= mostBytes)
            await writeRows(store, fileOf(path, kind), text);
        };
        try {
          await write('files', rows.files);
          await write('folders', rows.folders);
          if (rows.files !== undefined || rows.folders !== undefined) removeOldest(folder);
        } catch {
          // A store that is full or only read: the next build reads the files once more, and no build fails for it.
        }
      }
    },
  };
}

/**
 * Undefined when there are none to be trusted: none at all, damaged ones, those of another boot (the numbers of devices
 * are given anew then, and after a power loss content may have reached the disk without its ctime), and those of
 * a time that is yet to come (the clock was set back, and may give out the same ctime again).
 */
function readRows(path: string, mostBytes: number): string | undefined {
  let bytes: Buffer;
  try {
    if (statSync(path).size > mostBytes) return undefined;
    bytes = readFileSync(path);
  } catch {
    return undefined;
  }
  const end = bytes.indexOf('\n');
  const [name, boot, saved, sum] = bytes.toString('latin1', 0, Math.max(end, 0)).split('\t');
  const body = bytes.subarray(end + 1);
  if (name !== formatOf() || boot !== bootId() || !(Number(saved) <= Date.now())) return undefined;
  if (sum !== String(crc32(body))) return undefined;
  return body.toString('latin1');
}

/** Two builds may do so at once: the later one stays, whole. No sync, since nothing of it is believed after a crash. */
async function writeRows(store: Store, path: string, rows: string): Promise<void> {
  const boot = bootId();
  if (boot === undefined) return;
  const body = Buffer.from(rows, 'latin1');
  const head = Buffer.from(`${[formatOf(), boot, Date.now(), crc32(body)].join('\t')}\n`);
  await using staging = await store.tempDir();
  const staged = join(staging.path, folderName);
  writeFileSync(staged, head, { mode: 0o600 });
  writeFileSync(staged, body, { flag: 'a' });
  mkdirSync(join(path, '..'), { recursive: true });
  renameSync(staged, path);
}

function removeOldest(folder: string): void {
  const names = readdirSync(folder);
  if (names.length <= mostFiles) return;
  const aged = names.map((name) => {
    const path = join(folder, name);
    return { path, time: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 };
  });
  aged.sort((a, b) => b.time - a.time);
  for (const { path } of aged.slice(mostFiles)) removeFile(path);
}

function bootId(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return undefined;
  }
}
