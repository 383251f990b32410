import { parseDigest } from '../core/index.ts';
import { readGitOptions, sourceInvalid } from './git-options.ts';
import type { GitSource, RemoteSource } from './types.ts';

/** What flags of ADD say about its sources, expanded. */
export interface RemoteFlags {
  readonly keepGitDir?: boolean | undefined;
  readonly checksum?: string | undefined;
}

/**
 * A git repository, or a file behind an http(s) URL, as ADD takes them; undefined for a path of the context. Throws
 * SOURCE_INVALID when it is one of them but makes no sense, DIGEST_INVALID for a bad --checksum of a file.
 */
export function parseRemoteSource(text: string, flags: RemoteFlags = {}): RemoteSource | undefined {
  const git = parseGitSource(text, flags);
  if (git !== undefined) return { kind: 'git', ...git };
  if (!/^https?:\/\//.test(text)) return undefined;
  if (!URL.canParse(text)) throw sourceInvalid(text, 'is not a URL');
  const { checksum } = flags;
  return { kind: 'http', url: text, checksum: checksum === undefined ? undefined : parseDigest(checksum) };
}

/**
 * A git repository as ADD takes it: `user@host:path`, ssh and git URLs, http(s) URLs whose path ends in `.git`, each
 * with `#ref:subdir` or with a query (L-177); undefined for anything else. Throws SOURCE_INVALID for contradictions
 * between fragment, query and flags, and for what git must never be asked (S-39).
 */
export function parseGitSource(text: string, flags: RemoteFlags = {}): GitSource | undefined {
  const parts = splitUrl(text) ?? splitScp(text);
  return parts && gitSource(text, parts, flags);
}

/**
 * A git repository as a build context: also `github.com/user/repo` without a scheme; a folder of that name, where there
 * is one, should win. `keepGitDir` (BUILDKIT_CONTEXT_KEEP_GIT_DIR, L-090) adds to what the query says.
 */
export function parseGitContext(
  text: string,
  options: { readonly keepGitDir?: boolean | undefined } = {},
): GitSource | undefined {
  const source = text.startsWith('github.com/')
    ? gitSource(text, decoded(text, cut(`https://${text}`)), {})
    : parseGitSource(text);
  return source && { ...source, keepGitDir: source.keepGitDir || options.keepGitDir === true };
}

interface Parts {
  readonly remote: string;
  readonly query: string;
  readonly fragment: string;
}

function splitUrl(text: string): Parts | undefined {
  const scheme = /^([A-Za-z0-9]+):\/\//.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined || !['http', 'https', 'ssh', 'git'].includes(scheme)) return undefined;
  const parts = cut(text);
  // Any other http(s) URL is a file.
  if (scheme.startsWith('http') && !parts.remote.endsWith('.git')) return undefined;
  return decoded(text, parts);
}

/** ssh's short form; without a user it is a path (`c:foo`). */
function splitScp(text: string): Parts | undefined {
  return /^[A-Za-z0-9_-]+@[A-Za-z0-9.-]+:/.test(text) ? cut(text) : undefined;
}

function cut(text: string): Parts {
  const [, remote = '', query = '', fragment = ''] = /^([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(text) ?? [];
  return { remote, query, fragment };
}

function decoded(text: string, parts: Parts): Parts {
  try {
    return { ...parts, fragment: decodeURIComponent(parts.fragment) };
  } catch (error) {
    throw sourceInvalid(text, 'has a fragment with a broken % escape', { cause: error });
  }
}

function gitSource(text: string, { remote, query, fragment }: Parts, flags: RemoteFlags): GitSource {
  checkGitRemote(remote, text);
  return { remote, ...readGitOptions(text, { query, fragment, ...flags }) };
}

/**
 * Throws SOURCE_INVALID for an address (`scheme://…`, `host:path`) that git must not be given; `text` is what errors
 * show. A part that begins with `-` would be an option to ssh or to git on the other side (CVE-2017-1000117).
 */
export function checkGitRemote(remote: string, text = remote): void {
  if (/[\u0000-\u0020\u007f]/.test(remote)) throw sourceInvalid(text, 'has blanks or control characters');
  const url = /^[a-z0-9]+:\/\/([^/]*)(.*)$/is.exec(remote);
  const scp = /^([^:]*):(.*)$/s.exec(remote);
  const [, authority = '', path = ''] = url ?? scp ?? [];
  if (authority.slice(authority.lastIndexOf('@') + 1) === '' || path === '' || path === '/') {
    throw sourceInvalid(text, 'lacks a host or the path of a repository');
  }
  if ([...authority.split('@'), path, path.replace(/^\/+/, '')].some((part) => part.startsWith('-'))) {
    throw sourceInvalid(text, 'has a user, host or path that begins with "-"');
  }
  if (url !== null && !URL.canParse(remote)) throw sourceInvalid(text, 'is not a URL');
}
