import { fromText, type ByteString, type Digest } from '../../core/index.ts';
import { compileIgnore, ignoreRules, type IgnoreMatcher } from '../../dockerfile/index.ts';
import type { CopyOrigin, CopyStep } from '../../graph/index.ts';
import { resolveOwner } from '../../runtime/index.ts';
import { Breath, type MountedRoot } from '../../snapshot/index.ts';
import type { CacheMap, KeyParts, Op, RunContext } from '../../solver/index.ts';
import type { FileStat, RootDir } from '../../sys/index.ts';
import { commitState } from '../state.ts';
import { contextNamed } from '../context.ts';
import type { BuildServices, State } from '../types.ts';
import { makeFolders, parentOf, resolveDestination, type Destination, type Owner } from './destination.ts';
import { folderMode, parseMode, type ModeChange } from './mode.ts';
import { digestSelection, select, type Selection, type SelectionDigest } from './selection.ts';
import type { SourceTree } from './select.ts';
import { transferItem, type Transfer } from './transfer.ts';
import { unpackArchive } from './unpack.ts';
import type { CopyItem } from './walk.ts';

interface Selected {
  readonly selection: Selection;
  readonly digests: SelectionDigest;
}

const superuser: Owner = { uid: 0, gid: 0 };

interface CopyOwners {
  /** Of folders made on the way. */
  readonly created: Owner;
  /** Of what is copied; undefined where it keeps its own. */
  readonly copied: Owner | undefined;
}

/** COPY and ADD: a selection of a source tree into the parent's root. */
export class CopyOp implements Op<State> {
  readonly #step: CopyStep;
  readonly #services: BuildServices;
  readonly #exclude: IgnoreMatcher | undefined;
  readonly #mode: ModeChange;
  readonly #fromContext = new Map<CopyOrigin, Promise<Selected>>();

  constructor(step: CopyStep, services: BuildServices) {
    this.#step = step;
    this.#services = services;
    this.#exclude =
      step.exclude.length === 0 ? undefined : compileIgnore(ignoreRules(step.exclude, '--exclude'));
    this.#mode = step.chmod === undefined ? (mode) => mode : parseMode(step.chmod);
  }

  async cacheMap(signal: AbortSignal): Promise<CacheMap<State>> {
    const below = {
      contentDigest: async (state: State): Promise<Digest> => (await state.settled).contentDigest,
    };
    const files: Digest[] = [];
    const inputs: CacheMap<State>['inputs'][number][] = [below];
    for (const origin of this.#step.origins) {
      if (origin.kind === 'context') {
        files.push((await this.#selectFromContext(origin, signal)).digests.digest);
      } else {
        inputs[origin.input] = {
          selector: origin.paths.join('\n'),
          contentDigest: (state) => this.#digestOf(origin, state, signal),
        };
      }
    }
    return { parts: { ...this.#parts(), files }, inputs };
  }

  async exec(inputs: readonly State[], { signal }: RunContext): Promise<State> {
    const [parent] = inputs;
    if (parent === undefined) throw new Error('a copy has no root to copy into');
    await using active = await this.#services.snapshotter.prepare(parent.snapshot);
    {
      await using mounted = await active.mount();
      await this.#copyInto(mounted.root, inputs, signal);
    }
    return await commitState(this.#services, parent, active);
  }

  async #copyInto(to: RootDir, inputs: readonly State[], signal: AbortSignal): Promise<void> {
    const breath = new Breath(signal);
    const given = this.#step.chown === undefined ? undefined : resolveOwner(to, this.#step.chown);
    const owner = given ?? superuser;
    for (const origin of this.#step.origins) {
      const { unpack } = origin;
      if (origin.kind === 'context') {
        const selected = await this.#selectFromContext(origin, signal);
        const what = { tree: this.#contextTree(origin.name), ...selected, unpack, breath };
        await this.#copySelection(to, { created: owner, copied: owner }, what);
      } else {
        await using view = await this.#services.snapshotter.view(inputs[origin.input]?.snapshot);
        const tree = stageTree(view);
        const what = { tree, ...(await this.#select(tree, origin, breath)), unpack, breath };
        await this.#copySelection(to, { created: owner, copied: given }, what);
      }
    }
    this.#writeFiles(to, owner);
  }

  async #copySelection(
    to: RootDir,
    owners: CopyOwners,
    what: Selected & { readonly tree: SourceTree; readonly unpack: boolean; readonly breath: Breath },
  ): Promise<void> {
    const { tree, selection, digests, unpack, breath } = what;
    if (selection.matches.length === 0) return; // not even a folder is made
    const destination = resolveDestination(to, this.#step.destination, selection);
    this.#makeDestination(to, owners.created, destination);
    for (const source of selection.matches) {
      const transfer: Transfer = {
        from: tree.root,
        to,
        owner: owners.copied,
        mode: this.#mode,
        digests,
        breath,
        linked: new Map(),
      };
      const [only] = source.items;
      if (only?.below === '' && unpack && (await this.#unpack(transfer, only, destination.path))) continue;
      for (const item of source.items) {
        await breath.due();
        await transferItem(transfer, item, targetOf(destination, source.match.path, item));
      }
      restoreTimes(to, destination, source);
    }
  }

  #unpack(transfer: Transfer, item: CopyItem, folder: ByteString): Promise<boolean> {
    const { from, to, digests, breath } = transfer;
    const owner = this.#step.chown === undefined ? undefined : transfer.owner;
    const attributes = { ...(owner ?? superuser), mode: 0o755 };
    const digest = digests.facts.get(item)?.content;
    return unpackArchive({ from, to, folder, owner, attributes, digest, breath }, item);
  }

  #makeDestination(to: RootDir, owner: Owner, destination: Destination): void {
    const attributes = { ...owner, mode: folderMode(this.#step.chmod) };
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
    const { instruction, destination, chown, chmod, parents, files, exclude, origins } = this.#step;
    return {
      op: 'copy',
      instruction,
      origins: origins.map((origin) => ({
        from: origin.kind === 'context' ? origin.name : origin.input,
        paths: origin.paths,
        unpack: origin.unpack,
      })),
      destination,
      chown: chown ?? null,
      chmod: chmod ?? null,
      parents,
      exclude,
      heredocs: files.map(({ name, content }) => ({ name, content })),
    };
  }

  #contextTree(name: string): SourceTree {
    const context = contextNamed(this.#services.contexts, name);
    return {
      root: context.root,
      name: 'the build context',
      ignore: context.ignore,
      ignoreFile: context.ignoreFile,
    };
  }

  #selectFromContext(
    origin: CopyOrigin & { readonly kind: 'context' },
    signal: AbortSignal,
  ): Promise<Selected> {
    const known = this.#fromContext.get(origin);
    if (known !== undefined) return known;
    const selecting = this.#select(this.#contextTree(origin.name), origin, new Breath(signal));
    this.#fromContext.set(origin, selecting);
    return selecting;
  }

  async #select(tree: SourceTree, origin: CopyOrigin, breath: Breath): Promise<Selected> {
    const selection = await select(tree, origin.paths, { exclude: this.#exclude, breath });
    // Files of a stage or an image keep their owners, unless --chown says otherwise (L-170).
    const owners = origin.kind === 'input' && this.#step.chown === undefined;
    return { selection, digests: await digestSelection(tree.root, selection, { owners, breath }) };
  }

  async #digestOf(origin: CopyOrigin, state: State, signal: AbortSignal): Promise<Digest> {
    await using view = await this.#services.snapshotter.view(state.snapshot);
    return (await this.#select(stageTree(view), origin, new Breath(signal))).digests.digest;
  }
}

/**
 * Innermost first, since filling a folder changes its time. A destination that a folder was copied onto takes that
 * folder's time, so that it does not say when the build ran.
 */
function restoreTimes(
  to: RootDir,
  destination: Destination,
  { match, items }: Selection['matches'][number],
): void {
  const folders = items.filter(({ stat }) => stat.type === 'directory').reverse();
  for (const item of folders) setTime(to, child(destination.path, item.below), item.stat);
  if (match.stat.type === 'directory') setTime(to, destination.path, match.stat);
}

function setTime(to: RootDir, path: ByteString, { mtime, mtimeNanos }: FileStat): void {
  to.setTimes(path, { seconds: mtime, nanos: mtimeNanos });
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
