import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand, runOk } from '../run-command.ts';
import { treeOfFolder, type TreeEntry } from '../tree.ts';

/** What an archive of `save` holds of one image. */
export interface SavedImage {
  readonly config: Readonly<Record<string, unknown>>;
  readonly history: readonly HistoryEntry[];
  readonly tree: readonly TreeEntry[];
  /** What short files hold, by path. */
  readonly texts: ReadonlyMap<string, string>;
}

export interface HistoryEntry {
  readonly created_by?: string;
  readonly comment?: string;
  readonly author?: string;
  readonly empty_layer?: boolean;
}

/** Reads an archive as docker and tsbuild save it, below an empty folder, with GNU tar and none of tsbuild's code. */
export async function readSavedImage(archive: string, folder: string): Promise<SavedImage> {
  const unpacked = join(folder, 'archive');
  mkdirSync(unpacked);
  await runOk(['tar', '-xf', archive, '-C', unpacked]);
  const read = (name: string): unknown => JSON.parse(readFileSync(join(unpacked, name), 'utf8'));
  const [manifest] = read('manifest.json') as { Config: string; Layers: string[] | null }[];
  const image = read(manifest?.Config ?? '') as { [Key in 'config' | 'history']?: SavedImage[Key] | null };
  const root = join(folder, 'root');
  mkdirSync(root);
  const layers = (manifest?.Layers ?? []).map((layer) => join(unpacked, layer));
  return { config: image.config ?? {}, history: image.history ?? [], ...(await readLayers(layers, root)) };
}

/** Unpacks layers over one another into an empty folder, and reads it. */
export async function readLayers(
  layers: readonly string[],
  root: string,
): Promise<Pick<SavedImage, 'tree' | 'texts'>> {
  for (const [at, layer] of layers.entries()) {
    if (at > 0) await removeBelow(layer, root);
    await runOk([...unpack, '-xpf', layer, '-C', root]);
  }
  const tree = await treeOfFolder(root, { times: true });
  return { tree, texts: textsOf(root, tree) };
}

function textsOf(root: string, tree: readonly TreeEntry[]): Map<string, string> {
  const texts = new Map<string, string>();
  for (const { path, type } of tree) {
    const at = latin1(join(root, path));
    if (type !== 'file' || statSync(at).size > 800) continue;
    const text = readFileSync(at, 'utf8');
    if (!/[^\P{Cc}\t\r\n]|\uFFFD/u.test(text)) texts.set(path, text);
  }
  return texts;
}

const unpack = ['tar', '--numeric-owner', '--xattrs', '--xattrs-include=*', '--exclude=.wh.*'];

/** Removes what a layer hides of those below it: what its whiteouts name, and what stands in the way of its files. */
async function removeBelow(layer: string, root: string): Promise<void> {
  const listed = await runCommand(['tar', '--quoting-style=literal', '-tf', layer]);
  for (const name of listed.stdoutBytes.toString('latin1').split('\n')) {
    const [, parent = '', hidden] = /^(.*?)\.wh\.([^/]*)$/.exec(name) ?? [];
    if (hidden === '.wh..opq') clearFolder(join(root, parent));
    else if (hidden !== undefined) remove(join(root, parent, hidden));
    else if (name !== '' && isFolder(join(root, name)) === !name.endsWith('/')) remove(join(root, name));
  }
}

/** Undefined where nothing is. */
function isFolder(path: string): boolean | undefined {
  return lstatSync(latin1(path), { throwIfNoEntry: false })?.isDirectory();
}

function remove(path: string): void {
  rmSync(latin1(path), { recursive: true, force: true });
}

function clearFolder(path: string): void {
  for (const name of readdirSync(latin1(path), 'latin1')) remove(join(path, name));
}

function latin1(path: string): Buffer {
  return Buffer.from(path.replace(/\/$/, ''), 'latin1');
}
