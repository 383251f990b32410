import { TsbuildError } from '../core/index.ts';
import type { IgnoreMatcher } from '../dockerfile/index.ts';
import type { RootDir } from '../sys/index.ts';

export type ContextModes = 'exact' | 'git';

/** The folder that COPY and ADD take files from, seen through its ignore file. */
export interface BuildContext {
  /** As messages name it. */
  readonly name: string;
  readonly root: RootDir;
  readonly ignore: IgnoreMatcher;
  /** Path of the ignore file for messages, when there is one. */
  readonly ignoreFile?: string | undefined;
  /** Whether it is a folder of the user's own, whose files are there in the next build, too. */
  readonly lasting?: boolean | undefined;
  /** `git`: of the modes of its files only what git keeps counts; all of them unless told. */
  readonly modes?: ContextModes | undefined;
  /** Why nothing is there, where no context was given. */
  readonly missingHint?: string | undefined;
}

/** Throws INTERNAL for a name that planning let through: every context of a plan was opened before it. */
export function contextNamed(contexts: ReadonlyMap<string, BuildContext>, name: string): BuildContext {
  const context = contexts.get(name);
  if (context === undefined) throw new TsbuildError('INTERNAL', `no context is called ${name}`);
  return context;
}
