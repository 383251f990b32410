import { isJsonArray, type ByteString, type Json } from '../../../core/index.ts';
import type { Entry, LayerLog, LayerPlace } from '../../../snapshot/index.ts';

/** A folder that was copied, with where it stands in the layer and in the text of its changes. */
export interface CopiedFolder {
  readonly name: ByteString;
  /** Stood for its own entries; see `FolderNode`. */
  readonly key: string | undefined;
  /** Its own entry begins. */
  readonly own: LayerPlace;
  /** What is in it begins. */
  readonly from: LayerPlace;
  readonly to: LayerPlace;
  /** In bytewise order. */
  readonly folders: readonly CopiedFolder[];
}

interface OpenFolder extends CopiedFolder {
  readonly path: ByteString;
  readonly folders: OpenFolder[];
  from: LayerPlace;
  to: LayerPlace;
}

const start: LayerPlace = { tar: 0, text: 0 };

/** Notes what a copy's layer says, and where, while it is written. */
export class CopiedLog implements LayerLog {
  readonly #destination: ByteString;
  readonly #keys: ReadonlyMap<string, string>;
  readonly #texts: string[] = [];
  readonly #root: OpenFolder;
  readonly #open: OpenFolder[];
  #hasLinks = false;
  #entries = 0;

  /** `destination`: relative to the root; `keys`: of folders, by their path below it. */
  constructor(destination: ByteString, keys: ReadonlyMap<string, string>) {
    this.#destination = destination;
    this.#keys = keys;
    this.#root = {
      ...{ name: '' as ByteString, path: destination, key: keys.get('') },
      ...{ own: start, from: start, to: start, folders: [] },
    };
    this.#open = [this.#root];
  }

  text(piece: string): void {
    this.#texts.push(piece);
  }

  put(
    path: ByteString,
    { type }: Entry,
    { from, to }: { readonly from: LayerPlace; readonly to: LayerPlace },
  ): void {
    this.#entries += 1;
    if (type === 'hardlink') this.#hasLinks = true;
    const prefix = this.#destination === '' ? '' : `${this.#destination}/`;
    if (!path.startsWith(prefix)) {
      // A folder above what is copied, or the one that it is copied to.
      this.#root.from = to;
      return;
    }
    const slash = path.lastIndexOf('/');
    const parent = slash < 0 ? '' : path.slice(0, slash);
    this.#close(parent, from);
    if (type !== 'directory') return;
    const key = this.#keys.get(path.slice(prefix.length));
    const name = path.slice(slash + 1) as ByteString;
    const folder: OpenFolder = { name, path, key, own: from, from: to, to, folders: [] };
    this.#open.at(-1)?.folders.push(folder);
    this.#open.push(folder);
  }

  end(at: LayerPlace): void {
    for (const folder of this.#open) folder.to = at;
    this.#open.length = 0;
  }

  /** Undefined where it holds what a later copy cannot go by: files with several names. */
  result(): { readonly folder: CopiedFolder; readonly text: string; readonly entries: number } | undefined {
    if (this.#hasLinks) return undefined;
    return { folder: this.#root, text: this.#texts.join(''), entries: this.#entries };
  }

  #close(parent: string, at: LayerPlace): void {
    for (let last = this.#open.at(-1); last !== undefined && last.path !== parent; last = this.#open.at(-1)) {
      last.to = at;
      this.#open.pop();
    }
  }
}

export function folderToJson({ name, key, own, from, to, folders }: CopiedFolder): Json {
  const places = [own, from, to].flatMap(({ tar, text }) => [tar, text]);
  return [name, key ?? null, places, folders.map(folderToJson)];
}

/** Undefined for anything else than what `folderToJson` writes. */
export function folderFromJson(value: Json | undefined): CopiedFolder | undefined {
  if (!isJsonArray(value)) return undefined;
  const [name, key, places, below] = value;
  if (typeof name !== 'string' || !isJsonArray(places) || !isJsonArray(below)) return undefined;
  const numbers = places.filter((place) => typeof place === 'number');
  const folders = below.map(folderFromJson).filter((folder) => folder !== undefined);
  if (numbers.length !== 6 || folders.length !== below.length) return undefined;
  const place = (at: number): LayerPlace => ({ tar: numbers[at] ?? 0, text: numbers[at + 1] ?? 0 });
  return {
    name: name as ByteString,
    key: typeof key === 'string' ? key : undefined,
    own: place(0),
    from: place(2),
    to: place(4),
    folders,
  };
}
