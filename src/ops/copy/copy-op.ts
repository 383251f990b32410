import { fromText, type ByteString, type Digest } from '../../core/index.ts';
import { compileIgnore, ignoreRules, type IgnoreMatcher } from '../../dockerfile/index.ts';
import type { CopyStep } from '../../graph/index.ts';
import { resolveOwner } from '../../runtime/index.ts';
import type { MountedRoot } from '../../snapshot/index.ts';
import type { CacheMap, KeyParts, Op, RunContext } from '../../solver/index.ts';
import type { RootDir } from '../../sys/index.ts';
import { commitState } from '../state.ts';
import type { BuildServices, State } from '../types.ts';
import { makeFolders, parentOf, resolveDestination, type Destination, type Owner } from './destination.ts';
import { parseMode, type ModeChange } from './mode.ts';
import { digestSelection, select, type Selection, type SelectionDigest } from './selection.ts';
import type { SourceTree } from './select.ts';
import { transferItem, type Transfer } from './transfer.ts';
import { unpackArchive } from './unpack.ts';
import type { CopyItem } from './walk.ts';

/** COPY and ADD: a selection of a source tree into the parent's root. */
export class CopyOp implements Op<State> {
  readonly #step: CopyStep;
  readonly #services: BuildServices;
  readonly #exclude: IgnoreMatcher | undefined;
  readonly #mode: ModeChange;
  #fromContext: { readonly selection: Selection; readonly digests: SelectionDigest } | undefined;

  constructor(step: CopyStep, services: BuildServices) {
    this.#step = step;
    this.#services = services;
    this.#exclude =
      step.exclude.length === 0 ? undefined : compileIgnore(ignoreRules(step.exclude, '--exclude'));
    this.#mode = step.chmod === undefined ? (mode) => mode : parseMode(step.chmod);
  }

  async cacheMap(): Promise<CacheMap<State>> {
    const { from, sources } = this.#step;
    const root = {
      contentDigest: async (state: State): Promise<Digest> => (await state.settled).contentDigest,
    };
    const parts = this.#parts();
    switch (from.kind) {
      case 'none':
        return { parts, inputs: [root] };
      case 'context':
        return { parts: { ...parts, files: this.#selectFromContext().digests.digest }, inputs: [root] };
      case 'input':
        return {
          parts,
          inputs: [root, { selector: sources.join('\n'), contentDigest: (state) => this.#digestOf(state) }],
        };
    }
  }

  async exec(inputs: readonly State[], _context: RunContext): Promise<State> {
    const [parent, source] = inputs;
    if (parent === undefined) throw new Error('a copy has no root to copy into');
    await using active = await this.#services.snapshotter.prepare(parent.snapshot);
    {
      await using mounted = await active.mount();
      await this.#copyInto(mounted.root, source);
    }
    return await commitState(this.#services, parent, active);
  }

  async #copyInto(to: RootDir, source: State | undefined): Promise<void> {
    const owner = this.#step.chown === undefined ? { uid: 0, gid: 0 } : resolveOwner(to, this.#step.chown);
    if (this.#step.from.kind === 'context') {
      await this.#copySelection(to, owner, { tree: this.#contextTree(), ...this.#selectFromContext() });
    } else if (source !== undefined) {
      await using view = await this.#services.snapshotter.view(source.snapshot);
      const tree = stageTree(view);
      const selection = select(tree, this.#step.sources, this.#exclude);
      await this.#copySelection(to, owner, {
        tree,
        selection,
        digests: digestSelection(tree.root, selection),
      });
    }
    this.#writeFiles(to, owner);
  }

  async #copySelection(
    to: RootDir,
    owner: Owner,
    what: { readonly tree: SourceTree; readonly selection: Selection; readonly digests: SelectionDigest },
  ): Promise<void> {
    const transfer: Transfer = {
      from: what.tree.root,
      to,
      owner,
      mode: this.#mode,
      digests: what.digests.files,
      linked: new Map(),
    };
    const destination = resolveDestination(to, this.#step.destination, what.selection);
    this.#makeDestination(to, owner, destination);
    const folders: { readonly path: ByteString; readonly item: CopyItem }[] = [];
    for (const { match, items } of what.selection.matches) {
      for (const item of items) {
        const target = targetOf(destination, match.path, item);
        if (item.below === '' && this.#step.unpack && (await this.#unpack(transfer, item, destination.path)))
          continue;
        if (item.stat.type === 'directory' && to.tryLstat(target) === undefined)
          folders.push({ path: target, item });
        transferItem(transfer, item, target);
      }
    }
    // Innermost first: filling a folder changes its time.
    for (const { path, item } of folders.reverse()) {
      to.setTimes(path, { seconds: item.stat.mtime, nanos: item.stat.mtimeNanos });
    }
  }

  #unpack(transfer: Transfer, item: CopyItem, folder: ByteString): Promise<boolean> {
    const { from, to, owner } = transfer;
    const given = this.#step.chown === undefined ? undefined : owner;
    return unpackArchive({ from, to, folder, owner: given, attributes: { ...owner, mode: 0o755 } }, item);
  }

  #makeDestination(to: RootDir, owner: Owner, destination: Destination): void {
    const attributes = { ...owner, mode: this.#step.chmod === undefined ? 0o755 : this.#mode(0o755, true) };
    makeFolders(to, destination.folder ? destination.path : parentOf(destination.path), attributes);
  }

  /** Heredocs become files of 0644 (L-047). */
  #writeFiles(to: RootDir, owner: Owner): void {
    if (this.#step.files.length === 0) return;
    const destination = resolveDestination(to, this.#step.destination, { matches: [] });
    this.#makeDestination(to, owner, destination);
    for (const file of this.#step.files) {
      const target = destination.folder ? child(destination.path, fromText(file.name)) : destination.path;
      if (to.tryLstat(target) !== undefined) to.unlink(target);
      to.write(target, Buffer.from(file.content), 0o644);
      to.chown(target, owner.uid, owner.gid);
      to.chmod(target, this.#mode(0o644, false));
    }
  }

  #parts(): KeyParts {
    const { instruction, destination, chown, chmod, sources, files, exclude, unpack, from } = this.#step;
    return {
      op: 'copy',
      instruction,
      from: from.kind,
      sources,
      destination,
      chown: chown ?? null,
      chmod: chmod ?? null,
      exclude,
      unpack,
      heredocs: files.map(({ name, content }) => ({ name, content })),
    };
  }

  #contextTree(): SourceTree {
    const { context } = this.#services;
    return {
      root: context.root,
      name: 'the build context',
      ignore: context.ignore,
      ignoreFile: context.ignoreFile,
    };
  }

  #selectFromContext(): { readonly selection: Selection; readonly digests: SelectionDigest } {
    if (this.#fromContext !== undefined) return this.#fromContext;
    const tree = this.#contextTree();
    const selection = select(tree, this.#step.sources, this.#exclude);
    this.#fromContext = { selection, digests: digestSelection(tree.root, selection) };
    return this.#fromContext;
  }

  async #digestOf(state: State): Promise<Digest> {
    await using view = await this.#services.snapshotter.view(state.snapshot);
    const tree = stageTree(view);
    return digestSelection(tree.root, select(tree, this.#step.sources, this.#exclude)).digest;
  }
}

function stageTree(view: MountedRoot): SourceTree {
  return { root: view.root, name: 'the source stage' };
}

/** A file given by name takes its name along into a folder; what is in a folder keeps its path below it. */
function targetOf(destination: Destination, match: ByteString, item: CopyItem): ByteString {
  if (item.below !== '') return child(destination.path, item.below);
  if (!destination.folder) return destination.path;
  return child(destination.path, match.slice(match.lastIndexOf('/') + 1) as ByteString);
}

function child(folder: ByteString, name: ByteString): ByteString {
  return (folder === '/' ? `/${name}` : `${folder}/${name}`) as ByteString;
}
