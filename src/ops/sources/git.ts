import { canonicalJson, digestOf, redactUrl } from '../../core/index.ts';
import type { GitSource } from '../../dockerfile/types.ts';
import type { CacheMap, KeyParts, Op, RunContext } from '../../solver/index.ts';
import type { GitCommit } from '../../source/types.ts';
import { stateOf } from '../state.ts';
import type { BuildServices, State } from '../types.ts';

/** The files of a git repository at one commit, as a tree without layers: what ADD, contexts and mounts read from. */
export class GitOp implements Op<State> {
  readonly #source: GitSource;
  readonly #services: Pick<BuildServices, 'sources' | 'snapshotter'>;

  constructor(source: GitSource, services: Pick<BuildServices, 'sources' | 'snapshotter'>) {
    this.#source = source;
    this.#services = services;
  }

  async cacheMap(signal: AbortSignal): Promise<CacheMap<State>> {
    return { parts: this.#parts(await this.#commit(signal)), inputs: [] };
  }

  async exec(_inputs: readonly State[], { signal }: Pick<RunContext, 'signal'>): Promise<State> {
    const { sources, snapshotter } = this.#services;
    const commit = await this.#commit(signal);
    await using active = await snapshotter.prepare(undefined);
    // Below it there is nothing: what git writes there is the whole tree.
    await sources.git.checkout(this.#source, { commit, folder: active.folder }, { signal });
    const snapshot = await active.commit();
    const contentDigest = digestOf(canonicalJson(this.#parts(commit)));
    return stateOf({ snapshot, layers: [], contentDigest });
  }

  /** The fetcher remembers it: key and files are of the same commit. */
  #commit(signal: AbortSignal): Promise<GitCommit> {
    return this.#services.sources.git.resolve(this.#source, { signal });
  }

  /**
   * A commit id names all files, wherever they come from: the remote is no part, as with BuildKit, unless `.git` is
   * kept, where it shows. Times are no content, but what reads them may be told apart.
   */
  #parts(commit: GitCommit): KeyParts {
    const { subdir, keepGitDir, submodules, mtime, remote, ref } = this.#source;
    const kept = keepGitDir && subdir === undefined ? { origin: redactUrl(remote), ref: ref ?? null } : null;
    return { op: 'git', commit, subdir: subdir ?? null, git: kept, submodules, mtime };
  }
}
