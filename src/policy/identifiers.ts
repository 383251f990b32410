import { TsbuildError } from '../core/index.ts';
import { checkGitRemote, readGitOptions } from '../dockerfile/index.ts';
import type { GitSource, HttpSource } from '../dockerfile/types.ts';
import { parseReference, formatReference } from '../oci/index.ts';
import type { SourceOperation } from './types.ts';

const imageScheme = 'docker-image://';
const gitScheme = 'git://';

export function imageOperation(name: string): SourceOperation {
  return { identifier: imageScheme + formatReference(parseReference(name)), attrs: {} };
}

/** The name in full. Throws POLICY_INVALID for what is no image. */
export function imageOfOperation({ identifier, attrs }: SourceOperation): string {
  if (!identifier.startsWith(imageScheme)) throw otherKind('an image', identifier, `${imageScheme}…`);
  const { checksum } = taken(attrs, { checksum: 'image.checksum' });
  const name = identifier.slice(imageScheme.length);
  return formatReference(
    parseReference(checksum === undefined || name.includes('@') ? name : `${name}@${checksum}`),
  );
}

export function httpOperation({ url, checksum }: HttpSource): SourceOperation {
  return { identifier: url, attrs: checksum === undefined ? {} : { 'http.checksum': checksum } };
}

export function httpOfOperation({ identifier, attrs }: SourceOperation): {
  readonly url: string;
  readonly checksum: string | undefined;
} {
  if (!/^https?:\/\//i.test(identifier)) throw otherKind('a URL', identifier, 'http://… or https://…');
  return { url: identifier, ...taken(attrs, { checksum: 'http.checksum' }) };
}

const gitAttrs = {
  remote: 'git.fullurl',
  checksum: 'git.checksum',
  keepGitDir: 'git.keepgitdir',
  skipSubmodules: 'git.skipsubmodules',
  fetchByCommit: 'git.fetchbycommit',
  mtime: 'git.mtime',
} as const;

/** The identifier has neither protocol nor user, so that one rule covers https and ssh alike; the address is an attribute. */
export function gitOperation(source: GitSource): SourceOperation {
  const { remote, ref, subdir, checksum, keepGitDir, submodules, fetchByCommit, mtime } = source;
  const folder = subdir === undefined ? '' : `:${subdir}`;
  const fragment = ref === undefined && subdir === undefined ? '' : `#${ref ?? ''}${folder}`;
  const attrs = {
    [gitAttrs.remote]: remote,
    ...(checksum === undefined ? {} : { [gitAttrs.checksum]: checksum }),
    ...(keepGitDir ? { [gitAttrs.keepGitDir]: 'true' } : {}),
    ...(submodules ? {} : { [gitAttrs.skipSubmodules]: 'true' }),
    ...(fetchByCommit ? { [gitAttrs.fetchByCommit]: 'true' } : {}),
    ...(mtime === 'checkout' ? {} : { [gitAttrs.mtime]: mtime }),
  };
  return { identifier: gitScheme + placeOf(remote) + fragment, attrs };
}

/**
 * A changed place without a `git.fullurl` of its own is reached by the protocol and the user of before: BuildKit goes on
 * fetching from the old one then, which no rule can have meant. Throws POLICY_INVALID and SOURCE_INVALID.
 */
export function gitOfOperation({ identifier, attrs }: SourceOperation, before: GitSource): GitSource {
  if (!identifier.startsWith(gitScheme)) throw otherKind('a git repository', identifier, `${gitScheme}…`);
  const read = taken(attrs, gitAttrs);
  const [place = '', fragment = ''] = cut(identifier.slice(gitScheme.length), '#');
  const moved = place !== placeOf(before.remote) && read.remote === before.remote;
  const remote = moved ? `${approachOf(before.remote)}${place}` : (read.remote ?? before.remote);
  checkGitRemote(remote);
  const query = new URLSearchParams({
    ...(read.skipSubmodules === 'true' ? { submodules: 'false' } : {}),
    ...(read.fetchByCommit === 'true' ? { 'fetch-by-commit': 'true' } : {}),
    ...(read.mtime === undefined ? {} : { mtime: read.mtime }),
  });
  const texts = {
    query: query.toString(),
    fragment,
    checksum: read.checksum,
    keepGitDir: read.keepGitDir === 'true',
  };
  return { remote, ...readGitOptions(remote, texts) };
}

/** `host/path` of a URL or of `user@host:path`. */
function placeOf(remote: string): string {
  const [, authority = '', path = ''] =
    /^[a-z0-9]+:\/\/([^/]*)(.*)$/is.exec(remote) ?? /^([^:]*):(.*)$/s.exec(remote) ?? [];
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  return `${host}/${path.split('/').filter(Boolean).join('/')}`;
}

/** `https://`, `ssh://user@`: everything before the host. */
function approachOf(remote: string): string {
  const scheme = /^[a-z0-9]+:\/\//i.exec(remote)?.[0];
  const authority = remote.slice(scheme?.length ?? 0).split(scheme === undefined ? ':' : '/', 1)[0] ?? '';
  const user = /^(?:ssh:\/\/)?$/i.test(scheme ?? '')
    ? authority.slice(0, authority.lastIndexOf('@') + 1)
    : '';
  return (scheme ?? 'ssh://') + user;
}

function cut(text: string, mark: string): readonly string[] {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + mark.length)];
}

/** Attributes by their short names. Throws POLICY_INVALID for another one: what it asks for would not happen. */
function taken<K extends string>(
  attrs: SourceOperation['attrs'],
  known: Readonly<Record<K, string>>,
): Readonly<Record<K, string | undefined>> {
  const names: readonly string[] = Object.values(known);
  const other = Object.keys(attrs).find((key) => !names.includes(key));
  if (other !== undefined) {
    throw new TsbuildError('POLICY_INVALID', `the source policy sets ${other}, which is not supported here`, {
      hint: `known for this kind of source are ${names.join(', ')}`,
    });
  }
  const entries = Object.entries<string>(known).map(([short, key]) => [short, attrs[key]]);
  return Object.fromEntries(entries) as Record<K, string | undefined>;
}

function otherKind(what: string, identifier: string, form: string): TsbuildError {
  return new TsbuildError('POLICY_INVALID', `the source policy converts ${what} into ${identifier}`, {
    hint: `it can only become another one: ${form}`,
  });
}
