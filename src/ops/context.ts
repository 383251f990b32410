import type { IgnoreMatcher } from '../dockerfile/index.ts';
import type { RootDir } from '../sys/index.ts';

/** The folder that COPY and ADD take files from, seen through its ignore file. */
export interface BuildContext {
  /** As messages name it. */
  readonly name: string;
  readonly root: RootDir;
  readonly ignore: IgnoreMatcher;
  /** Path of the ignore file for messages, when there is one. */
  readonly ignoreFile?: string | undefined;
}
