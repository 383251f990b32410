import { nearestName, TsbuildError } from '../core/index.ts';
import { tryGit, type GitAccess } from './git-command.ts';
import { remoteFailure } from './git-failure.ts';
import type { GitRemote } from './git-remote.ts';
import type { GitCommit } from './types.ts';

/** What a ref of the remote names. */
export interface ResolvedRef {
  readonly commit: GitCommit;
  /** In full: `refs/heads/main`; undefined for a commit that was given by its id. */
  readonly name?: string | undefined;
  /** The object of an annotated tag. */
  readonly tag?: string | undefined;
}

export interface RemoteRefs {
  /** By full name, `HEAD` among them; of annotated tags the tag's object. */
  readonly ids: ReadonlyMap<string, string>;
  /** Commits of annotated tags, by the tag's full name. */
  readonly peeled: ReadonlyMap<string, string>;
  /** What HEAD points to. */
  readonly head?: string | undefined;
}

export async function listRefs(
  remote: GitRemote,
  access: GitAccess,
  signal: AbortSignal,
): Promise<RemoteRefs> {
  const result = await tryGit(['ls-remote', '--symref', '--', remote.url], { access, signal });
  if (result.status !== 0) throw remoteFailure(remote, result);
  return parseRefs(result.stdout.toString('utf8'));
}

/** Lines of `git ls-remote --symref`; what is none of its forms is left out. */
export function parseRefs(text: string): RemoteRefs {
  const ids = new Map<string, string>();
  const peeled = new Map<string, string>();
  let head: string | undefined;
  for (const line of text.split('\n')) {
    const [first = '', name = ''] = line.split('\t');
    if (first.startsWith('ref: ') && name === 'HEAD') head = first.slice('ref: '.length);
    if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(first)) continue;
    if (name.endsWith('^{}')) peeled.set(name.slice(0, -'^{}'.length), first);
    else ids.set(name, first);
  }
  return { ids, peeled, head };
}

/**
 * What the remote means by a ref: HEAD for none, else a ref of that full name, a branch, a tag, in this order, as
 * BuildKit has it. Undefined when it has none of that name.
 */
export function findRef(refs: RemoteRefs, ref: string | undefined): ResolvedRef | undefined {
  if (ref === undefined || ref === 'HEAD') {
    const id = refs.ids.get('HEAD');
    return id === undefined ? undefined : { commit: id as GitCommit, name: refs.head };
  }
  const names = [`refs/${stripped(ref, 'refs/')}`, `refs/heads/${ref}`, `refs/tags/${ref}`];
  const name = names.find((candidate) => refs.ids.has(candidate));
  const id = name === undefined ? undefined : refs.ids.get(name);
  if (name === undefined || id === undefined) return undefined;
  const peeled = refs.peeled.get(name);
  return peeled === undefined
    ? { commit: id as GitCommit, name }
    : { commit: peeled as GitCommit, name, tag: id };
}

/** Throws SOURCE_NOT_FOUND with the ref that was meant, if one is near. */
export function refNotFound(remote: GitRemote, refs: RemoteRefs, ref: string | undefined): TsbuildError {
  if (refs.ids.size === 0) return new TsbuildError('SOURCE_NOT_FOUND', `${remote.shown} has no commits`);
  if (ref === undefined) {
    return new TsbuildError('SOURCE_NOT_FOUND', `${remote.shown} has no default branch`, {
      hint: 'name a branch, a tag or a commit: #ref',
    });
  }
  const names = [...refs.ids.keys()]
    .filter((name) => /^refs\/(?:heads|tags)\//.test(name))
    .map((name) => name.replace(/^refs\/(?:heads|tags)\//, ''));
  const near = nearestName(ref.replace(/^refs\/(?:heads|tags)\//, ''), names);
  const known = `it has ${names.slice(0, 5).join(', ')}${names.length > 5 ? ', …' : ''}`;
  return new TsbuildError('SOURCE_NOT_FOUND', `${remote.shown} has no branch, tag or commit ${ref}`, {
    hint: near === undefined ? known : `did you mean ${near}?`,
  });
}

function stripped(text: string, prefix: string): string {
  return text.startsWith(prefix) ? text.slice(prefix.length) : text;
}
