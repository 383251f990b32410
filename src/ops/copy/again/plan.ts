import { compareBytes, type ByteString, type Digest } from '../../../core/index.ts';
import { digestLine, type Entry, type LayerPlace } from '../../../snapshot/index.ts';
import type { RootDir } from '../../../sys/index.ts';
import { encodeEntryHeader } from '../../../tar/index.ts';
import { childOf } from '../destination.ts';
import { entryOfItem, pathOf } from '../entries.ts';
import { ownFacts, type FactsOfItems } from '../facts.ts';
import { listFolder, listTree, type FolderNode } from '../folder-tree.ts';
import { isPlain } from '../fresh.ts';
import type { SelectedTree } from '../selection.ts';
import type { ReadEntry } from '../summary.ts';
import type { Transfer } from '../transfer.ts';
import type { CopyItem, ReadItem } from '../walk.ts';
import type { Copied } from './copied.ts';
import type { CopiedFolder } from './copied-tree.ts';
import { rowsOf, type CopiedRow } from './rows.ts';

/** A part of the new layer: a piece of the earlier one, or an entry. */
export type Part =
  | { readonly kind: 'copied'; readonly from: LayerPlace; readonly to: LayerPlace }
  | {
      readonly kind: 'put';
      readonly path: ByteString;
      readonly entry: Entry;
      readonly content: Digest | undefined;
    };

/** What differs from an earlier copy, by paths absolute in the root. */
export interface Differences {
  /** Bottom to top of the layer, without the folders above what is copied. */
  readonly parts: readonly Part[];
  readonly removed: readonly ByteString[];
  /** New, or other than they were; a folder before what is in it. */
  readonly put: readonly (readonly [target: ByteString, item: CopyItem])[];
  /** Names next to the destination that the earlier copy had not. */
  readonly added: readonly ByteString[];
  readonly facts: FactsOfItems;
}

export interface PlanOptions {
  readonly copied: Copied;
  /** Of the earlier layer. */
  readonly fd: number;
  /** The files that the earlier copy wrote. */
  readonly files: RootDir;
  readonly tree: SelectedTree;
  readonly destination: ByteString;
  readonly transfer: Pick<Transfer, 'owner' | 'mode'>;
}

/** Undefined where so much differs that a whole copy costs less, and where something is not as simple as it should be. */
export async function planDifferences(options: PlanOptions): Promise<Differences | undefined> {
  const { tree, copied } = options;
  if (hasSeveralNames(tree.node)) return undefined;
  const planning = new Planning(options);
  try {
    await planning.visit(tree.node, copied.folder);
  } catch (error) {
    if (error instanceof TooMuch) return undefined;
    throw error;
  }
  return planning;
}

/** A copy makes one file of them; see `CopiedLog.result`. */
function hasSeveralNames(node: FolderNode, seen = new Set<string>()): boolean {
  for (const [, inode] of node.summary.linked) {
    if (seen.has(inode)) return true;
    seen.add(inode);
  }
  return [...node.folders.values()].some((below) => hasSeveralNames(below.node, seen));
}

/** What an entry costs beside its bytes, in bytes. */
const entryCost = 16 << 10;
/** The part of the whole that may differ. */
const mostOfAll = 1 / 4;

class TooMuch extends Error {}

class Planning implements Differences {
  readonly parts: Part[] = [];
  readonly removed: ByteString[] = [];
  readonly put: [ByteString, CopyItem][] = [];
  readonly added: ByteString[] = [];
  readonly facts = ownFacts;
  readonly #options: PlanOptions;
  #left: number;

  constructor(options: PlanOptions) {
    this.#options = options;
    const { size, entries } = options.copied.layer;
    this.#left = (size + entries * entryCost) * mostOfAll;
  }

  async visit(node: FolderNode, before: CopiedFolder): Promise<void> {
    if (isUnchanged(node, before)) {
      let at = before.from;
      for (const folder of before.folders) {
        this.#keep(at, folder.from);
        const below = node.folders.get(folder.name);
        if (below !== undefined) await this.visit(below.node, folder);
        at = folder.to;
      }
      this.#keep(at, before.to);
      return;
    }
    const { tree, copied, fd } = this.#options;
    const rows = rowsOf({ text: copied.text, fd }, before).values();
    let row = rows.next().value;
    for (const taken of await listFolder(tree.options, node)) {
      await tree.options.breath.due();
      for (; row !== undefined && compareBytes(row.name, taken.name) < 0; row = rows.next().value)
        this.#remove(node, row);
      if (row?.name === taken.name) {
        await this.#compare(node, taken, row);
        row = rows.next().value;
      } else {
        await this.#add(taken);
      }
    }
    for (; row !== undefined; row = rows.next().value) this.#remove(node, row);
  }

  async #compare(node: FolderNode, taken: Listed, row: CopiedRow): Promise<void> {
    const { below, item } = taken;
    if ((below === undefined) !== (row.folder === undefined)) {
      this.#remove(node, row);
      await this.#add(taken);
      return;
    }
    if (this.#isSame(item, row)) {
      this.#keep(row.from, row.to);
    } else {
      // Attributes of what is there are set, not taken away.
      if (row.folder !== undefined && row.hasXattrs) throw new TooMuch();
      this.#put(item);
    }
    if (below !== undefined && row.folder !== undefined) await this.visit(below, row.folder);
  }

  #isSame(item: ReadItem, row: CopiedRow): boolean {
    const { transfer, files } = this.#options;
    const entry = entryOfItem({ ...transfer, digests: this }, item);
    const path = pathOf(this.#targetOf(item));
    if (digestLine(path, entry) !== row.line) return false;
    if ((entry.size > 0 ? item.facts.content : '') !== row.content) return false;
    if (!encodeEntryHeader({ ...entry, path }).equals(row.header)) return false;
    // A layer has whole seconds.
    const copy = files.tryLstat(path);
    return copy?.mtime === item.stat.mtime && copy.mtimeNanos === item.stat.mtimeNanos;
  }

  async #add({ item, below }: Listed): Promise<void> {
    if (!item.below.includes('/')) this.added.push(this.#targetOf(item));
    this.#put(item);
    if (below === undefined) return;
    const items: CopyItem[] = [];
    await listTree(this.#options.tree.options, below, items);
    for (const each of items) this.#put(each);
  }

  #put(item: CopyItem): void {
    const { facts } = item;
    if (facts === undefined || !isPlain(item, facts) || facts.content === 'unread') throw new TooMuch();
    const { content } = facts;
    const target = this.#targetOf(item);
    const entry = entryOfItem({ ...this.#options.transfer, digests: this }, item);
    this.put.push([target, item]);
    this.parts.push({ kind: 'put', path: pathOf(target), entry, content });
    this.#spend(entryCost + entry.size);
  }

  #remove({ place }: FolderNode, { name }: CopiedRow): void {
    const below = (place.below === '' ? name : `${place.below}/${name}`) as ByteString;
    this.removed.push(childOf(this.#options.destination, below));
    this.#spend(entryCost);
  }

  #keep(from: LayerPlace, to: LayerPlace): void {
    if (from.tar === to.tar) return;
    const last = this.parts.at(-1);
    if (last?.kind !== 'copied' || last.to.tar !== from.tar) this.parts.push({ kind: 'copied', from, to });
    else this.parts[this.parts.length - 1] = { ...last, to };
  }

  #spend(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw new TooMuch();
  }

  #targetOf({ below }: CopyItem): ByteString {
    return childOf(this.#options.destination, below);
  }
}

type Listed = ReadEntry & { readonly below: FolderNode | undefined };

/** Its own entries, those of folders included; not what is in these. */
function isUnchanged(node: FolderNode, { key, folders }: CopiedFolder): boolean {
  if (node.key === undefined || node.key !== key || node.folders.size !== folders.length) return false;
  return folders.every(({ name }) => node.folders.has(name));
}
