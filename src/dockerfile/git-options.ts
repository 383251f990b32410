import { nearestName, redactUrl, TsbuildError } from '../core/index.ts';
import type { GitSource } from './types.ts';

export interface GitOptionTexts {
  /** Between `?` and `#`. */
  readonly query: string;
  /** Behind `#`, percent-decoded. */
  readonly fragment: string;
  readonly keepGitDir?: boolean | undefined;
  readonly checksum?: string | undefined;
}

type GitOptions = Omit<GitSource, 'remote'>;

const keys = [
  'ref',
  'tag',
  'branch',
  'subdir',
  'checksum',
  'commit',
  'keep-git-dir',
  'submodules',
  'fetch-by-commit',
  'mtime',
] as const;
type Key = (typeof keys)[number];

/** Keys that stand for true when they have no value. */
const switches: readonly string[] = [
  'keep-git-dir',
  'submodules',
  'fetch-by-commit',
] satisfies readonly Key[];

/** What fragment, query and flags of a git source come to. Throws SOURCE_INVALID; `source` is its text, for errors. */
export function readGitOptions(source: string, texts: GitOptionTexts): GitOptions {
  const query = readQuery(source, texts.query);
  const colon = texts.fragment.indexOf(':');
  const fragment =
    colon < 0 ? [texts.fragment] : [texts.fragment.slice(0, colon), texts.fragment.slice(colon + 1)];
  const agree = (what: string, ...values: readonly (string | undefined)[]): string | undefined => {
    const [first, other] = [...new Set(values.filter((value) => value !== undefined && value !== ''))];
    if (other === undefined) return first;
    throw sourceInvalid(source, `names two ${what}: ${JSON.stringify(first)} and ${JSON.stringify(other)}`, {
      hint: `keep one of them: a git source has one ${what} only, in the fragment, in the query or as a flag`,
    });
  };

  const tag = prefixed('refs/tags/', query.get('tag'));
  const branch = prefixed('refs/heads/', query.get('branch'));
  const pinned = agree('checksums', lower(query.get('checksum')), lower(query.get('commit')));
  const checksum = agree('checksums', pinned, lower(texts.checksum));
  const named = agree('refs', fragment[0], query.get('ref'), tag, branch);
  const ref = named ?? pinned;
  const keep = agree('values of keep-git-dir', bool(source, query, 'keep-git-dir'), asText(texts.keepGitDir));
  const options: GitOptions = {
    ref,
    subdir: cleanSubdir(source, agree('subdirs', fragment[1], query.get('subdir'))),
    checksum,
    keepGitDir: keep === 'true',
    submodules: bool(source, query, 'submodules') !== 'false',
    fetchByCommit: bool(source, query, 'fetch-by-commit') === 'true',
    mtime: mtimeOf(source, query.get('mtime')),
  };
  checkChecksum(source, options);
  checkRef(source, ref);
  return options;
}

/** An error about a remote source, which it shows without credentials. */
export function sourceInvalid(
  source: string,
  problem: string,
  details: { readonly hint?: string; readonly cause?: unknown } = {},
): TsbuildError {
  return new TsbuildError('SOURCE_INVALID', `${redactUrl(source)} ${problem}`, details);
}

function readQuery(source: string, text: string): ReadonlyMap<Key, string> {
  const query = new Map<Key, string>();
  for (const [name, value] of new URLSearchParams(text)) {
    const key = keys.find((known) => known === name);
    if (key === undefined) {
      const near = nearestName(name, keys);
      throw sourceInvalid(source, `has an unknown key ${JSON.stringify(name)} in its query`, {
        hint: near === undefined ? `known keys are ${keys.join(', ')}` : `did you mean ${near}?`,
      });
    }
    if (query.has(key)) throw sourceInvalid(source, `has ${key} twice in its query`);
    if (value === '' && !switches.includes(key)) throw sourceInvalid(source, `has no value for ${key}`);
    query.set(key, value);
  }
  return query;
}

/** The words that BuildKit takes for booleans (Go's strconv.ParseBool). */
function bool(source: string, query: ReadonlyMap<Key, string>, key: Key): string | undefined {
  const value = query.get(key);
  if (value === undefined) return undefined;
  if (['', '1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return 'true';
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return 'false';
  throw sourceInvalid(source, `has ${JSON.stringify(value)} for ${key}`, { hint: 'use true or false' });
}

function asText(value: boolean | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

function lower(value: string | undefined): string | undefined {
  return value?.toLowerCase();
}

function prefixed(prefix: string, name: string | undefined): string | undefined {
  return name === undefined || name.startsWith(prefix) ? name : prefix + name;
}

function mtimeOf(source: string, value = 'checkout'): GitOptions['mtime'] {
  if (value === 'checkout' || value === 'commit') return value;
  throw sourceInvalid(source, `has ${JSON.stringify(value)} for mtime`, { hint: 'use checkout or commit' });
}

/** Below the root of the repository, whether it begins with a slash or not. */
function cleanSubdir(source: string, text: string | undefined): string | undefined {
  const parts = (text ?? '').split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..'))
    throw sourceInvalid(source, 'has a subdir with ".."', { hint: 'name it from the root' });
  if (parts.some((part) => part.includes('\0'))) throw sourceInvalid(source, 'has a NUL byte in its subdir');
  return parts.length === 0 ? undefined : parts.join('/');
}

/** No name that git itself would refuse (git-check-ref-format), so that none can be an option or a refspec. */
function checkRef(source: string, ref: string | undefined): void {
  if (ref === undefined) return;
  const problem = `has a ref that cannot be one: ${JSON.stringify(ref)}`;

  if (/^[-/]|[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\/|[/.]$|\.lock$/.test(ref))
    throw sourceInvalid(source, problem);
}

function checkChecksum(source: string, { ref, checksum, fetchByCommit }: GitOptions): void {
  if (checksum !== undefined && !/^[0-9a-f]{1,64}$/.test(checksum)) {
    throw sourceInvalid(source, `has a checksum that is no commit id: ${JSON.stringify(checksum)}`, {
      hint: 'the checksum of a git source is the commit id or the beginning of it, in hexadecimal digits',
    });
  }
  if (checksum !== undefined && isCommitId(ref) && !ref.startsWith(checksum)) {
    throw sourceInvalid(source, `names commit ${ref}, but its checksum is ${checksum}`);
  }
  if (fetchByCommit && !isCommitId(checksum) && !isCommitId(ref)) {
    throw sourceInvalid(source, 'asks for fetch-by-commit without a commit', {
      hint: 'give the full commit id as checksum=…',
    });
  }
}

/** A whole commit id, SHA-1 or SHA-256. */
export function isCommitId(text: string | undefined): text is string {
  return text !== undefined && /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);
}
