import { closeSync, openSync, writeSync } from 'node:fs';

import {
  canonicalJson,
  createDigester,
  isJsonArray,
  type ByteString,
  type Digest,
  type Json,
} from '../../../core/index.ts';
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

const atOnce = 1 << 16;
/** Of notes, which are read as a whole: some 800 000 entries. */
const mostBytes = 128 << 20;

export interface CopiedLogOptions {
  /** A new file, which becomes the text and, after it, the folders. */
  readonly path: string;
  /** Relative to the root. */
  readonly destination: ByteString;
  /** Of folders, by their path below the destination. */
  readonly keys: ReadonlyMap<string, string>;
}

/** What a file of notes is. */
export interface Noted {
  readonly digest: Digest;
  /** Bytes of it that are text. */
  readonly text: number;
  readonly entries: number;
}

/** Notes what a copy's layer says, and where, while it is written. */
export class CopiedLog implements LayerLog, Disposable {
  readonly #destination: ByteString;
  readonly #keys: ReadonlyMap<string, string>;
  readonly #fd: number;
  readonly #digester = createDigester();
  #waiting = '';
  #length = 0;
  readonly #root: OpenFolder;
  readonly #open: OpenFolder[];
  #hasLinks = false;
  #entries = 0;

  constructor({ path, destination, keys }: CopiedLogOptions) {
    this.#fd = openSync(path, 'wx', 0o600);
    this.#destination = destination;
    this.#keys = keys;
    this.#root = {
      ...{ name: '' as ByteString, path: destination, key: keys.get('') },
      ...{ own: start, from: start, to: start, folders: [] },
    };
    this.#open = [this.#root];
  }

  text(piece: string): void {
    this.#waiting += piece;
    if (this.#waiting.length >= atOnce) this.#flush();
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

  /** Ends it. Undefined where it holds what a later copy cannot go by, files with several names, or too much. */
  result(): Noted | undefined {
    if (this.#hasLinks) return undefined;
    this.#flush();
    if (this.#length > mostBytes) return undefined;
    const text = this.#length;
    this.#waiting = canonicalJson(folderToJson(this.#root));
    this.#flush();
    return { digest: this.#digester.digest(), text, entries: this.#entries };
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #flush(): void {
    // Nothing in it is more than a byte.
    const bytes = Buffer.from(this.#waiting, 'latin1');
    this.#waiting = '';
    this.#length += bytes.length;
    this.#digester.update(bytes);
    for (let done = 0; done < bytes.length;) done += writeSync(this.#fd, bytes, done);
  }

  #close(parent: string, at: LayerPlace): void {
    for (let last = this.#open.at(-1); last !== undefined && last.path !== parent; last = this.#open.at(-1)) {
      last.to = at;
      this.#open.pop();
    }
  }
}

function folderToJson({ name, key, own, from, to, folders }: CopiedFolder): Json {
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
