import { canonicalJson, digestOf, type Digest, type PartChange } from '../../core/index.ts';
import type { LocalStep } from '../../graph/index.ts';
import { Breath } from '../../snapshot/index.ts';
import type { CacheMap, Op, RunContext } from '../../solver/index.ts';
import { carryOut, superuser } from '../copy/carry-out.ts';
import { fileChanges, keepListing } from '../copy/listing.ts';
import { onceMoreIfChanged } from '../copy/read.ts';
import { selectOnePath, type Selected } from '../copy/selection.ts';
import { contextTree } from '../copy/tree.ts';
import type { BuildServices, State } from '../types.ts';

/**
 * A part of a context as a tree that mounts and copies read: the files that COPY would take, at their paths, owned by
 * the superuser. It has no layer, since it is never a base. Throws COPY_SOURCE_NOT_FOUND, CONTEXT_CHANGED.
 */
export class LocalOp implements Op<State> {
  readonly #step: LocalStep;
  readonly #services: BuildServices;
  #selected: Promise<Selected> | undefined;

  constructor(step: LocalStep, services: BuildServices) {
    this.#step = step;
    this.#services = services;
  }

  async cacheMap(signal: AbortSignal): Promise<CacheMap<State>> {
    return { parts: { op: 'local', files: treeDigest(await this.#select(signal)) }, inputs: [] };
  }

  async exec(_inputs: readonly State[], { signal }: RunContext): Promise<State> {
    const selected = await this.#select(signal);
    const files = await selected.files();
    const tree = contextTree(this.#services, this.#step.context);
    await using active = await this.#services.snapshotter.prepare(undefined);
    {
      await using mounted = await active.mount();
      const { root } = mounted;
      const target = {
        root,
        destination: destinationOf(selected),
        created: { ...superuser, mode: 0o755 },
        chown: undefined,
        mode: (mode: number) => mode,
        keepFolders: false,
      };
      await carryOut(target, { ...files, tree, keepOwners: false, unpack: false }, new Breath(signal));
      const { path, stat } = onlyMatch(selected);
      if (path !== '') root.chmod(path, stat.mode);
    }
    await keepListing(this.#services.store, treeDigest(selected), selected);
    const snapshot = await active.commit();
    const settled = { snapshot, layers: [], contentDigest: treeDigest(selected) };
    return { snapshot, settled: Promise.resolve(settled) };
  }

  async unfold({
    path: [part],
    before,
  }: PartChange & { readonly kind: 'changed' }): Promise<readonly PartChange[] | undefined> {
    const selected = await this.#selected;
    return part === 'files' && selected !== undefined
      ? fileChanges(this.#services.store, before, selected)
      : undefined;
  }

  #select(signal: AbortSignal): Promise<Selected> {
    const tree = contextTree(this.#services, this.#step.context);
    this.#selected ??= onceMoreIfChanged(() =>
      selectOnePath(tree, this.#step.path, { owners: false, breath: new Breath(signal) }),
    );
    return this.#selected;
  }
}

function onlyMatch({ matches }: Selected): Selected['matches'][number] {
  const [match] = matches;
  if (match === undefined) throw new Error('a path that stands for nothing');
  return match;
}

function destinationOf(selected: Selected): string {
  const { path, stat } = onlyMatch(selected);
  return stat.type === 'directory' && path !== '' ? `/${path}/` : `/${path}`;
}

/** The same files at another path are another tree. */
function treeDigest(selected: Selected): Digest {
  return digestOf(canonicalJson({ local: onlyMatch(selected).path, files: selected.digest }));
}
