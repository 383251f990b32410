import { redactUrl, TsbuildError } from '../core/index.ts';
import { checkGitRemote } from '../dockerfile/index.ts';
import { git, tryGit } from './git-command.ts';
import { gitRemote, type GitRemote } from './git-remote.ts';
import type { GitRepository } from './git-repository.ts';

export interface Submodule {
  /** Below the root of the tree, as git has it in its index: no `..`, no `.git`. */
  readonly path: string;
  readonly commit: string;
  readonly remote: GitRemote;
}

/**
 * The submodules of a commit, but those with `update = none`. Of .gitmodules only path and URL count, and a URL must be
 * one that could be a source by itself: no path of this machine, no helper (CVE-2022-39253).
 * Throws SOURCE_INVALID, also for a submodule without a URL.
 */
export async function submodulesOf(
  repository: GitRepository,
  commit: string,
  parent: GitRemote,
): Promise<readonly Submodule[]> {
  const links = await linksOf(repository, commit);
  if (links.length === 0) return [];
  const modules = await modulesOf(repository, commit);
  return links.flatMap(({ path, commit: wanted }): Submodule[] => {
    const module = modules.get(path);
    if (module?.update === 'none') return [];
    if (module?.url === undefined) throw noUrl(path, parent);
    return [{ path, commit: wanted, remote: submoduleRemote(module.url, path, parent) }];
  });
}

/** Entries of the tree that are commits. */
async function linksOf(
  repository: GitRepository,
  commit: string,
): Promise<readonly Pick<Submodule, 'path' | 'commit'>[]> {
  const tree = await git(['ls-tree', '-r', '-z', '--full-tree', commit], repository.local());
  return tree
    .toString('latin1')
    .split('\0')
    .flatMap((line) => {
      const [, id, path] = /^160000 commit ([0-9a-f]+)\t(.*)$/s.exec(line) ?? [];
      return id === undefined || path === undefined ? [] : [{ path, commit: id }];
    });
}

interface Module {
  readonly path?: string;
  readonly url?: string;
  readonly update?: string;
}

/** What .gitmodules says, by path; both as latin1-coded bytes. */
async function modulesOf(repository: GitRepository, commit: string): Promise<ReadonlyMap<string, Module>> {
  const blob = `${commit}:.gitmodules`;
  const found = await tryGit(['cat-file', '-e', blob], repository.local());
  if (found.status !== 0) return new Map();
  const list = await tryGit(['config', '--null', '--list', '--blob', blob], repository.local());
  if (list.status !== 0) throw new TsbuildError('SOURCE_INVALID', `.gitmodules of ${commit} cannot be read`);
  const modules = new Map<string, Module>();
  for (const line of list.stdout.toString('latin1').split('\0')) {
    const [, name, key, value] = /^submodule\.(.+)\.(path|url|update)\n(.*)$/s.exec(line) ?? [];
    if (name === undefined || key === undefined) continue;
    modules.set(name, { ...modules.get(name), [key]: value });
  }
  return new Map([...modules.values()].flatMap((module) => (module.path ? [[module.path, module]] : [])));
}

function submoduleRemote(url: string, path: string, parent: GitRemote): GitRemote {
  const relative = /^\.\.?\//.test(url);
  const full = relative ? resolved(url, parent) : url;
  const named = `the submodule ${path}`;
  if (full === undefined) {
    throw new TsbuildError('SOURCE_INVALID', `${named} has a URL that leads out of ${parent.shown}: ${url}`);
  }
  const taken = /^(?:https?|ssh|git):\/\//.test(full) || /^[^/:]+:(?!:|\/\/)/.test(full);
  if (!taken || full.startsWith('-')) {
    throw new TsbuildError('SOURCE_INVALID', `${named} has a URL that is not fetched: ${redactUrl(url)}`, {
      hint: 'submodules come from http(s), ssh and git URLs; ?submodules=false leaves them out',
    });
  }
  checkGitRemote(full);
  const remote = gitRemote(full, false);
  const trusted = parent.trusted && (relative || bothOnGithub(remote, parent));
  if (!relative) return { ...remote, trusted };
  return { ...remote, trusted, username: parent.username, password: parent.password };
}

/** One token is for all of github.com, as BuildKit and the checkout action have it. */
function bothOnGithub(...remotes: readonly GitRemote[]): boolean {
  return remotes.every(({ scheme, host }) => scheme === 'https' && /^(?:www\.)?github\.com$/.test(host));
}

/** Against the parent's address as if that were a folder; it cannot reach above the host. */
function resolved(url: string, parent: GitRemote): string | undefined {
  const [, base, rest] =
    /^([a-z]+:\/\/[^/]*\/)(.*)$/.exec(parent.url) ?? /^([^:]+:\/*)(.*)$/.exec(parent.url) ?? [];
  if (base === undefined || rest === undefined) return undefined;
  const parts = rest.split('/').filter((part) => part !== '' && part !== '.');
  for (const part of url.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.length === 0 ? undefined : base + parts.join('/');
}

function noUrl(path: string, parent: GitRemote): TsbuildError {
  return new TsbuildError('SOURCE_INVALID', `${parent.shown} has no URL for its submodule ${path}`, {
    hint: 'mend .gitmodules, or leave submodules out: ?submodules=false',
  });
}
