import { redactUrl, TsbuildError } from '../core/index.ts';
import { isCommitId, type GitSource } from '../dockerfile/index.ts';
import { openRootDir } from '../sys/index.ts';
import { accessTo, type AccessOptions } from './git-access.ts';
import { placeCommit, type Locked } from './git-place.ts';
import { findRef, listRefs, refNotFound, type RemoteRefs, type ResolvedRef } from './git-refs.ts';
import { gitRemote, type GitRemote } from './git-remote.ts';
import { formatOf, GitRepository, repositoryName } from './git-repository.ts';
import { keepSubdir, normalise, temporaryName } from './git-tree.ts';
import type { FetchOptions, GitCommit, GitFetcher } from './types.ts';

export interface GitFetcherOptions extends AccessOptions {
  /** For the bare repositories that keep what was fetched; made when missing. */
  readonly folder: string;
  /** Makes the holder of a name the only one, across processes. */
  readonly lock: (name: string, options: { readonly signal: AbortSignal }) => Promise<AsyncDisposable>;
}

/** Fetches with the machine's git. One for a build: a ref is asked for once, so that it means one commit (S-66). */
export function createGitFetcher(options: GitFetcherOptions): GitFetcher {
  const fetcher = new HostGit(options);
  return {
    resolve: (source, fetch) => fetcher.resolve(source, fetch),
    checkout: (source, into, fetch) => fetcher.checkout(source, into, fetch),
  };
}

class HostGit implements GitFetcher {
  readonly #options: GitFetcherOptions;
  readonly #resolved = new Map<string, Promise<ResolvedRef>>();

  constructor(options: GitFetcherOptions) {
    this.#options = options;
  }

  async resolve(source: GitSource, { signal }: FetchOptions): Promise<GitCommit> {
    const { ref, checksum } = source;
    // A commit given in full needs nobody to ask.
    const given = isCommitId(ref) ? ref : source.fetchByCommit ? checksum : undefined;
    const found: ResolvedRef =
      given === undefined ? await this.#resolve(source, signal) : { commit: given as GitCommit };
    if (checksum === undefined || [found.commit, found.tag].some((id) => id?.startsWith(checksum)))
      return found.commit;
    throw new TsbuildError(
      'SOURCE_INVALID',
      `${redactUrl(source.remote)} is at commit ${found.commit}, but its checksum is ${checksum}`,
    );
  }

  async checkout(
    source: GitSource,
    { commit, folder }: { readonly commit: GitCommit; readonly folder: string },
    { signal }: FetchOptions,
  ): Promise<number> {
    using root = openRootDir(folder);
    const whole = source.subdir === undefined ? undefined : temporaryName();
    if (whole !== undefined) root.mkdir(whole, 0o755);
    const time = await placeCommit(
      {
        remote: gitRemote(source.remote, true),
        ref: await this.#nameOf(source, commit),
        folder: whole === undefined ? folder : `${folder}/${whole}`,
        submodules: source.submodules,
        // There is no place for it beside a part of the files.
        keepGitDir: source.keepGitDir && whole === undefined,
      },
      this.#locking(signal),
    );
    if (whole !== undefined && source.subdir !== undefined) keepSubdir(root, whole, source.subdir);
    normalise(root, source.mtime === 'commit' ? time : undefined);
    return time;
  }

  #resolve(source: GitSource, signal: AbortSignal): Promise<ResolvedRef> {
    const key = JSON.stringify([source.remote, source.ref]);
    const known = this.#resolved.get(key);
    if (known !== undefined) return known;
    const resolving = this.#ask(source, signal);
    this.#resolved.set(key, resolving);
    // What failed may work when it is asked again.
    resolving.catch(() => this.#resolved.delete(key));
    return resolving;
  }

  async #ask(source: GitSource, signal: AbortSignal): Promise<ResolvedRef> {
    const remote = gitRemote(source.remote, true);
    const refs = await listRefs(remote, await accessTo(remote, this.#options), signal);
    const found = findRef(refs, source.ref) ?? (await this.#abbreviated(remote, { refs, source, signal }));
    if (found === undefined) throw refNotFound(remote, refs, source.ref);
    return found;
  }

  /** The commit of which the ref is the beginning: one that a ref names, else one of the whole history. */
  async #abbreviated(
    remote: GitRemote,
    { refs, source, signal }: { refs: RemoteRefs; source: GitSource; signal: AbortSignal },
  ): Promise<ResolvedRef | undefined> {
    const short = source.ref;
    const [example] = refs.ids.values();
    if (short === undefined || example === undefined || !/^[0-9a-f]{4,63}$/.test(short)) return undefined;
    const commit = await this.#locking(signal)(remote, example, async (repository) => {
      await repository.fetchAll();
      return repository.expand(short);
    });
    return commit === undefined ? undefined : { commit: commit as GitCommit };
  }

  /** What named the commit, if that was asked for in this build. */
  async #nameOf(source: GitSource, commit: GitCommit): Promise<ResolvedRef> {
    const known = await this.#resolved.get(JSON.stringify([source.remote, source.ref]));
    return known?.commit === commit ? known : { commit };
  }

  /** Opens the remote's repository, fresh if it is damaged, for one action at a time. */
  #locking(signal: AbortSignal): Locked {
    return async (remote, id, action) => {
      await using _lock = await this.#options.lock(`git-${repositoryName(remote)}`, { signal });
      const access = await accessTo(remote, this.#options);
      const open = (): Promise<GitRepository> =>
        GitRepository.open(this.#options.folder, formatOf(id), { remote, access, signal });
      try {
        return await action(await open());
      } catch (error) {
        // Only a command that talks to nobody gives this: what was fetched earlier is damaged, or git left a lock.
        if (!(error instanceof TsbuildError) || error.code !== 'IO_ERROR') throw error;
        (await open()).remove();
        return await action(await open());
      }
    };
  }
}
