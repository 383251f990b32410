import { accessSync, constants, statSync } from 'node:fs';

import { TsbuildError } from '../core/index.ts';

/** The archive to read: a file that is there and can be read, or standard input unless somebody sits there. */
export function archiveSource(file: string | undefined, hint: string): string | NodeJS.ReadStream {
  if (file === undefined) {
    if (process.stdin.isTTY)
      throw new TsbuildError('USAGE', 'no archive: standard input is a terminal', { hint });
    return process.stdin;
  }
  let isFolder: boolean;
  try {
    isFolder = statSync(file).isDirectory();
    accessSync(file, constants.R_OK);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new TsbuildError('USAGE', `cannot read the archive ${file}: ${why}`, { cause: error });
  }
  if (isFolder) throw new TsbuildError('USAGE', `cannot read the archive ${file}: it is a folder`);
  return file;
}
