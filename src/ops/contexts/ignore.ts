import { basename, join } from 'node:path';

import { fromErrno, TsbuildError } from '../../core/index.ts';
import { compileIgnore, parseIgnoreFile } from '../../dockerfile/index.ts';
import type { BuildContext } from '../context.ts';
import { readHostText, readHostTextIfThere } from './read.ts';
import type { Place } from './types.ts';

export type IgnoreRules = Pick<BuildContext, 'ignore' | 'ignoreFile'>;

export interface IgnoreChoice {
  readonly place: Place;
  /** Host path of the Dockerfile, if it has one. */
  readonly dockerfile?: string | undefined;
  /** `--ignorefile` */
  readonly given?: string | undefined;
}

const code = 'IGNORE_PATTERN_INVALID';

/**
 * The rules that the context is seen through: those of `--ignorefile`, else of `<Dockerfile>.dockerignore` beside the
 * Dockerfile, else of the folder's own .dockerignore (L-223). The ignore files of what was fetched are not even looked
 * at: BuildKit applies them to local folders only (L-228), and none can be a link to something of this machine (S-38).
 */
export async function ignoreRulesOf({ place, dockerfile, given }: IgnoreChoice): Promise<IgnoreRules> {
  if (given !== undefined) return rulesOf(given, await readGiven(given));
  if (place.kind !== 'folder') return rulesOf(undefined);
  const candidates = [
    ...(dockerfile === undefined ? [] : [`${dockerfile}.dockerignore`]),
    join(place.path, '.dockerignore'),
  ];
  return firstOf(candidates);
}

/** Those of a named context: its own ignore file alone (L-222). */
export async function folderRules(folder: string): Promise<IgnoreRules> {
  return firstOf([join(folder, '.dockerignore')]);
}

async function firstOf(candidates: readonly string[]): Promise<IgnoreRules> {
  for (const path of candidates) {
    const bytes = await readIfThere(path);
    if (bytes !== undefined) return rulesOf(path, bytes);
  }
  return rulesOf(undefined);
}

function rulesOf(path: string | undefined, bytes: Buffer = Buffer.alloc(0)): IgnoreRules {
  return {
    ignore: compileIgnore(path === undefined ? [] : parseIgnoreFile(bytes, path)),
    ignoreFile: path === undefined ? undefined : basename(path),
  };
}

/** One that is there but cannot be read must not be passed over: it may keep secrets out of the image. */
async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readHostTextIfThere(path, code);
  } catch (error) {
    throw fromErrno(error, `reading the ignore file ${path}`);
  }
}

async function readGiven(path: string): Promise<Buffer> {
  try {
    return await readHostText(path, path, code);
  } catch (error) {
    if (error instanceof TsbuildError || !(error instanceof Error)) throw error;
    throw new TsbuildError('USAGE', `--ignorefile: ${path} cannot be read: ${error.message}`, {
      cause: error,
    });
  }
}
