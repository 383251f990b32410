import { TsbuildError } from '../core/index.ts';
import { filterThrough } from '../sys/index.ts';
import type { ForeignDecompressor } from '../tar/index.ts';

const programs = { bzip2: 'bzip2', xz: 'xz' } as const;

/** bzip2 and xz, which Node does not know, through the programs of the machine. */
export const hostDecompressor: ForeignDecompressor = async function* (compression, source) {
  const program = programs[compression];
  try {
    yield* filterThrough([program, '-dc'], source);
  } catch (error) {
    if (error instanceof TsbuildError && error.code === 'HOST_UNSUPPORTED') {
      throw new TsbuildError('HOST_UNSUPPORTED', `a ${compression} archive needs the program ${program}`, {
        hint: `install it (Debian: apt-get install ${compression === 'xz' ? 'xz-utils' : 'bzip2'})`,
        cause: error,
      });
    }
    throw error;
  }
};
