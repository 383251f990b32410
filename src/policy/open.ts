import { isErrno, TsbuildError } from '../core/index.ts';
import type { Sources } from '../source/types.ts';
import { readSourcePolicy } from './read.ts';
import { pinnedRules, sourceRules } from './rules.ts';
import type { SourcePolicy, SourceRules } from './types.ts';

export interface RuleFiles {
  /** A source policy. */
  readonly sourcePolicy?: string | undefined;
  /** A lock file, which comes behind it: nothing is taken that it does not pin. */
  readonly lock?: string | undefined;
}

export interface OpenedRules {
  /** For what the Dockerfile takes. */
  readonly rules: SourceRules;
  /** For context and Dockerfile, which the command line names: the policy holds for them, the lock file does not. */
  fetching(sources: Sources): Sources;
}

/** Undefined where there are neither. Throws POLICY_INVALID, and LOCK_OUTDATED for a lock file that is not there. */
export async function openSourceRules({ sourcePolicy, lock }: RuleFiles): Promise<OpenedRules | undefined> {
  if (sourcePolicy === undefined && lock === undefined) return undefined;
  const policies = sourcePolicy === undefined ? [] : [await readSourcePolicy(sourcePolicy)];
  const plain = sourceRules(policies);
  const fetching = (sources: Sources): Sources => ruledSources(sources, plain);
  if (lock === undefined) return { rules: plain, fetching };
  const locked = await readLock(lock);
  if (locked === undefined) {
    throw new TsbuildError('LOCK_OUTDATED', `there is no lock file ${lock}`, {
      hint: 'tsbuild lock makes one; --lock-file names another one',
    });
  }
  return { rules: pinnedRules(sourceRules([...policies, locked]), lock), fetching };
}

/** Undefined when it is not there. */
export async function readLock(path: string): Promise<SourcePolicy | undefined> {
  try {
    return await readSourcePolicy(path);
  } catch (error) {
    if (error instanceof TsbuildError && isErrno(error.cause, 'ENOENT')) return undefined;
    throw error;
  }
}

function ruledSources({ git, http }: Sources, rules: SourceRules): Sources {
  return {
    git: {
      resolve: async (source, options) => git.resolve(rules.git(source), options),
      checkout: async (source, into, options) => git.checkout(rules.git(source), into, options),
    },
    http: { fetch: async (source, options) => http.fetch(rules.http(source), options) },
  };
}

/** The same rules, and word of what they let through. */
export function notedRules(rules: SourceRules, note: (source: NotedSource) => void): SourceRules {
  return {
    ...rules,
    image(name) {
      const image = rules.image(name);
      note({ kind: 'image', name: image });
      return image;
    },
    git(given) {
      const source = rules.git(given);
      note({ kind: 'git', source });
      return source;
    },
    http(given) {
      const source = rules.http(given);
      note({ kind: 'http', source });
      return source;
    },
  };
}

export type NotedSource =
  | { readonly kind: 'image'; readonly name: string }
  | { readonly kind: 'git'; readonly source: Parameters<SourceRules['git']>[0] }
  | { readonly kind: 'http'; readonly source: Parameters<SourceRules['http']>[0] };
