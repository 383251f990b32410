import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runOk } from '../run-command.ts';
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
  const image = read(manifest?.Config ?? '') as Pick<SavedImage, 'config' | 'history'>;
  const root = join(folder, 'root');
  mkdirSync(root);
  for (const layer of manifest?.Layers ?? []) await applyLayer(join(unpacked, layer), root);
  const tree = await treeOfFolder(root, { times: true });
  return { config: image.config, history: image.history, tree, texts: textsOf(root, tree) };
}

function textsOf(root: string, tree: readonly TreeEntry[]): Map<string, string> {
  const files = tree.filter(({ type }) => type === 'file').map(({ path }) => path);
  const sized = files.filter((path) => statSync(Buffer.from(join(root, path), 'latin1')).size <= 800);
  return new Map(
    sized.map((path) => [path, readFileSync(Buffer.from(join(root, path), 'latin1'), 'utf8')] as const),
  );
}

async function applyLayer(layer: string, root: string): Promise<void> {
  const names = await runOk(['tar', '-tf', layer]);
  const whiteouts = names.split('\n').filter((name) => /(^|\/)\.wh\./.test(name));
  // They speak of the layers below alone, wherever they stand in their own.
  for (const path of whiteouts) {
    const [, parent = '', name = ''] = /^(.*?)\.wh\.([^/]*)$/.exec(path) ?? [];
    const script = name === '.wh..opq' ? 'find "$0" -mindepth 1 -delete' : 'rm -rf "$0"';
    await runOk(['sh', '-c', script, join(root, parent, name === '.wh..opq' ? '' : name)]);
  }
  const tar = ['tar', '--numeric-owner', '--xattrs', '--xattrs-include=*', '--exclude=.wh.*', '-xpf', layer];
  await runOk([...tar, '-C', root]);
}
