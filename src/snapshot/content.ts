import { createDigester, type ByteString, type Digest } from '../core/index.ts';
import type { RootDir } from '../sys/index.ts';
import { Breath } from './breath.ts';
import { digestLine } from './digest-form.ts';
import { entryOf, keptXattrs } from './entry.ts';
import { joinPath } from './entry-path.ts';
import { chunksOf, openFile } from './read-content.ts';

const here = '.' as ByteString;
const top = '' as ByteString;

interface Walk {
  readonly hash: (piece: Uint8Array | string) => void;
  readonly breath: Breath;
}

/**
 * Digest of what stands at `path` in a tree, by content (L-172): a sorted walk over names, modes, owners, sizes,
 * types, link texts, devices, kept xattrs and bytes; times do not count, nor does the name of `path` itself, whose
 * last component is not followed. Hard links count as files of their own, sockets not at all.
 */
export async function contentDigest(root: RootDir, path: ByteString): Promise<Digest> {
  const digester = createDigester();
  const walk: Walk = { hash: (piece) => digester.update(piece), breath: new Breath() };
  await addEntry({ root, name: path, below: top }, walk);
  return digester.digest();
}

interface Place {
  readonly root: RootDir;
  /** To be found by, in `root`. */
  readonly name: ByteString;
  /** Path below the start. */
  readonly below: ByteString;
}

async function addEntry({ root, name, below }: Place, walk: Walk): Promise<void> {
  await walk.breath.due();
  const stat = root.lstat(name);
  const entry = entryOf(root, name, { stat, xattrs: keptXattrs(root, name) });
  if (entry === undefined) return;
  walk.hash(digestLine(below, entry));
  if (entry.size > 0) {
    for (const chunk of chunksOf(openFile(root, name), entry.size, name)) {
      walk.hash(chunk);
      await walk.breath.due();
    }
  }
  if (entry.type !== 'directory') return;
  using directory = root.sub(name);
  for (const each of directory.list(here)) {
    await addEntry({ root: directory, name: each, below: joinPath(below, each) }, walk);
  }
}
