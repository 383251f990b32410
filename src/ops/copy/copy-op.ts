import { canonicalJson, digestOf, type Digest, type Json, type PartChange } from '../../core/index.ts';
import { compileIgnore, ignoreRules, type IgnoreMatcher } from '../../dockerfile/index.ts';
import type { CopyOrigin, CopyStep } from '../../graph/index.ts';
import { resolveOwner } from '../../runtime/index.ts';
import { Breath, type PackOptions } from '../../snapshot/index.ts';
import type { CacheMap, KeyParts, Op, RunContext } from '../../solver/index.ts';
import type { RootDir } from '../../sys/index.ts';
import { commitState } from '../state.ts';
import type { BuildServices, State } from '../types.ts';
import { contextNamed } from '../context.ts';
import { copiedKey, notedOf, rememberCopied } from './again/copied.ts';
import { CopiedLog } from './again/copied-tree.ts';
import { copyAgain, type CopyAgain } from './again/copy-again.ts';
import { carryOut, superuser, type CopySource, type CopyTarget } from './carry-out.ts';
import { pathOf } from './entries.ts';
import type { FolderNode } from './folder-tree.ts';
import { prepareFresh, type FreshCopy } from './fresh.ts';
import { storeFresh } from './fresh-layer.ts';
import { writeHeredocs } from './heredocs.ts';
import { fileChanges, keepListing } from './listing.ts';
import { folderMode, parseMode, type ModeChange } from './mode.ts';
import { emptyReason } from './parents.ts';
import { onceMoreIfChanged } from './read.ts';
import type { SourceTree } from './select.ts';
import {
  selectOnlyFile,
  selectWords,
  type Selected,
  type SelectOptions,
  type SelectedFiles,
} from './selection.ts';
import { contextTree, stateTree } from './tree.ts';
import { WrittenFiles } from './written-files.ts';

type ContextOrigin = CopyOrigin & { readonly kind: 'context' };
type InputOrigin = Exclude<CopyOrigin, { readonly kind: 'context' }>;

interface Sourcing {
  readonly inputs: readonly State[];
  readonly context: RunContext;
  /** Holds what is open until the copy is made. */
  readonly held: AsyncDisposableStack;
  readonly breath: Breath;
}

/** COPY and ADD: selections of source trees into the parent's root. */
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
    const files: Digest[] = [];
    const byInput = new Map<number, InputOrigin[]>();
    for (const origin of this.#step.origins) {
      if (origin.kind === 'context') files.push((await this.#selectFromContext(origin, signal)).digest);
      else byInput.set(origin.input, [...(byInput.get(origin.input) ?? []), origin]);
    }
    const inputs: CacheMap<State>['inputs'][number][] = [
      { contentDigest: async (state) => (await state.settled).contentDigest },
    ];
    for (const [input, origins] of byInput) {
      inputs[input] = {
        selector: origins.map(selectorOf).join('\n'),
        contentDigest: (state) => this.#digestOf(origins, state, signal),
      };
    }
    return { parts: { ...keyParts(this.#step), files }, inputs };
  }

  async exec(inputs: readonly State[], context: RunContext): Promise<State> {
    const [parent] = inputs;
    if (parent === undefined) throw new Error('a copy has no root to copy into');
    const breath = new Breath(context.signal);
    await using held = new AsyncDisposableStack();
    const again = await this.#againOf(parent, breath);
    const made = again === undefined || context.anew === true ? undefined : await this.#copyAgain(again);
    if (made !== undefined) return made;
    const sources: CopySource[] = [];
    for (const origin of this.#step.origins)
      sources.push(await this.#sourceOf(origin, { inputs, context, held, breath }));
    await using active = await this.#services.snapshotter.prepare(parent.snapshot);
    const written = new WrittenFiles();
    let fresh: FreshCopy | undefined;
    {
      await using mounted = await active.mount();
      const target = { ...this.#target(mounted.root), written };
      // Only an overlay has a folder of its own for what is new.
      if (active.source.kind === 'overlay' && this.#step.files.length === 0)
        fresh = prepareFresh(target, sources);
      if (fresh === undefined) {
        for (const source of sources) await carryOut(target, source, breath);
        writeHeredocs(target, this.#step.files);
        if (this.#step.files.length > 0) written.clear();
      }
    }
    const { blobs } = this.#services.store;
    const path = this.#services.snapshotter.notes(active.id);
    using log = again && fresh && logOf(again, fresh, path);
    const layer = fresh && (await storeFresh(blobs, fresh, { folder: active.folder, breath, log }));
    const noted = log && layer && notedOf(path, { log, layer });
    const known: PackOptions['known'] = (path, entry) => written.contentOf(path, entry);
    const state = await commitState(this.#services, parent, active, { known, layer });
    if (again === undefined || layer === undefined || noted === undefined) return state;
    const { snapshot } = state;
    const settled = state.settled.then(async (settled) => {
      if (snapshot !== undefined) await rememberCopied(this.#services, again.key, { snapshot, layer, noted });
      return settled;
    });
    settled.catch(() => undefined);
    return { snapshot, settled };
  }

  /** Undefined where an earlier result of this step is of no use. */
  async #againOf(parent: State, breath: Breath): Promise<CopyAgain | undefined> {
    const { origins, files, parents, destination, chown } = this.#step;
    const [origin, ...others] = origins;
    const { snapshot, settled } = parent;
    if (origin?.kind !== 'context' || others.length + files.length > 0 || parents) return undefined;
    const context = contextNamed(this.#services.contexts, origin.name);
    const { tree } = await this.#selectFromContext(origin, breath.signal);
    if (context.lasting !== true || tree === undefined || snapshot === undefined) return undefined;
    return {
      parent: { snapshot, settled },
      key: copiedKey(keyParts(this.#step), { context, parent: snapshot }),
      ...{ from: contextTree(this.#services, origin.name), tree },
      ...{ destination, chown, mode: this.#mode, breath },
    };
  }

  async #copyAgain(again: CopyAgain): Promise<State | undefined> {
    const state = await copyAgain(this.#services, again);
    const [origin] = this.#step.origins;
    if (state === undefined || origin?.kind !== 'context') return state;
    const selected = await this.#selectFromContext(origin, again.breath.signal);
    await keepListing(this.#services.store, selected.digest, selected);
    return state;
  }

  /** A digest of `files` stands for what one origin takes from a context. */
  async unfold({
    path,
    before,
  }: PartChange & { readonly kind: 'changed' }): Promise<readonly PartChange[] | undefined> {
    const [part, index] = path;
    if (part !== 'files') return undefined;
    const origins = this.#step.origins.filter((origin) => origin.kind === 'context');
    const selected =
      typeof index === 'number' ? this.#fromContext.get(origins[index] as CopyOrigin) : undefined;
    return selected && fileChanges(this.#services.store, before, await selected);
  }

  #target(root: RootDir): CopyTarget {
    const { chown, chmod, destination, parents } = this.#step;
    const owner = chown === undefined ? undefined : resolveOwner(root, chown);
    return {
      root,
      destination,
      created: { ...(owner ?? superuser), mode: folderMode(chmod) },
      chown: owner,
      mode: this.#mode,
      keepFolders: parents,
    };
  }

  async #sourceOf(origin: CopyOrigin, { inputs, context, held, breath }: Sourcing): Promise<CopySource> {
    const { unpack } = origin;
    if (origin.kind === 'context') {
      const selected = await this.#selectFromContext(origin, context.signal);
      const files = await selected.files();
      this.#warnOfNothing(files, context);
      await keepListing(this.#services.store, selected.digest, selected);
      return { ...files, tree: contextTree(this.#services, origin.name), keepOwners: false, unpack };
    }
    const view = held.use(await this.#services.snapshotter.view(inputs[origin.input]?.snapshot));
    const tree = stateTree(view);
    // A state is never changed: what its files hold is known once they are copied. An archive's digest is checked.
    const selected = await this.#selectFromState(tree, origin, { breath, unread: !unpack });
    const files = await selected.files();
    this.#warnOfNothing(files, context);
    return { ...files, tree, keepOwners: true, unpack };
  }

  #warnOfNothing({ selection }: SelectedFiles, context: RunContext): void {
    if (!this.#step.parents || this.#step.exclude.length > 0) return;
    for (const matched of selection.matches) {
      const reason = emptyReason(matched);
      if (reason !== undefined) context.warn(reason);
    }
  }

  /** Once for the key and the copy. What changes while it is read is read once more: then it is the user's to settle. */
  #selectFromContext(origin: ContextOrigin, signal: AbortSignal | undefined): Promise<Selected> {
    const known = this.#fromContext.get(origin);
    if (known !== undefined) return known;
    const tree = contextTree(this.#services, origin.name);
    const { parents, chmod } = this.#step;
    const select = (): Promise<Selected> =>
      selectWords(tree, origin.paths, {
        exclude: this.#exclude,
        parents,
        owners: false,
        chmod,
        breath: new Breath(signal),
      });
    const selecting = onceMoreIfChanged(select);
    this.#fromContext.set(origin, selecting);
    return selecting;
  }

  async #selectFromState(
    tree: SourceTree,
    origin: InputOrigin,
    reading: Pick<SelectOptions, 'breath' | 'unread'>,
  ): Promise<Selected> {
    const { parents, chown, chmod } = this.#step;
    const options = {
      exclude: this.#exclude,
      parents,
      owners: chown === undefined,
      chmod,
      ...reading,
    };
    return origin.kind === 'file' ? selectOnlyFile(tree, options) : selectWords(tree, origin.paths, options);
  }

  async #digestOf(origins: readonly InputOrigin[], state: State, signal: AbortSignal): Promise<Digest> {
    await using view = await this.#services.snapshotter.view(state.snapshot);
    const digests: Digest[] = [];
    for (const origin of origins) {
      digests.push(
        (await this.#selectFromState(stateTree(view), origin, { breath: new Breath(signal) })).digest,
      );
    }
    const [only] = digests;
    return only !== undefined && digests.length === 1 ? only : digestOf(canonicalJson(digests));
  }
}

function logOf({ tree }: CopyAgain, { destination }: FreshCopy, path: string): CopiedLog {
  const keys = new Map<string, string>();
  const note = ({ place, key, folders }: FolderNode): void => {
    if (key !== undefined) keys.set(place.below, key);
    for (const { node } of folders.values()) note(node);
  };
  note(tree.node);
  return new CopiedLog({ path, destination: pathOf(destination.path), keys });
}

function selectorOf(origin: InputOrigin): string {
  return origin.kind === 'file' ? '' : origin.paths.join('\n');
}

/** A field that is added to CopyStep does not compile until it is classified here. */
function keyParts(step: CopyStep): KeyParts {
  const { kind, instruction, origins, files, destination, chown, chmod, parents, exclude, ...unclassified } =
    step;
  const none: Record<string, never> = unclassified;
  return {
    ...none,
    op: kind,
    instruction,
    origins: origins.map(originParts),
    destination,
    chown: chown ?? null,
    chmod: chmod ?? null,
    parents,
    exclude,
    heredocs: files.map(({ name, content }) => ({ name, content })),
  };
}

function originParts(origin: CopyOrigin): Json {
  const { unpack } = origin;
  switch (origin.kind) {
    case 'context':
      return { from: origin.name, paths: origin.paths, unpack };
    case 'input':
      return { from: origin.input, paths: origin.paths, unpack };
    case 'file':
      return { from: origin.input, paths: null, unpack };
  }
}
