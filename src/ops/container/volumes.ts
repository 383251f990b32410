import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';

import { isErrno, TsbuildError } from '../../core/index.ts';
import type { MountConfig } from '../../oci/runtime-spec.ts';

const expected = 'expected /host/path:/container/path[:ro]';

/** `-v SRC:DST[:ro]` as a mount; a relative SRC is below the working directory. Named volumes have no `/` in it. */
export function parseVolume(text: string): MountConfig {
  const [source = '', destination = '', mode = 'rw', ...rest] = text.split(':');
  if (source === '' || !destination.startsWith('/') || rest.length > 0) throw invalid(text, expected);
  if (destination.split('/').every((part) => part === '' || part === '.'))
    throw invalid(text, 'nothing can be mounted over the whole root file system');
  if (mode !== 'ro' && mode !== 'rw') throw invalid(text, `the mode ${mode} is not one of ro and rw`);
  if (!source.includes('/') && source !== '.' && source !== '..') {
    throw new TsbuildError('USAGE', `-v: named volumes (${source}) are not supported yet`, {
      hint: `for a folder, write ./${source}:${destination}`,
    });
  }
  return {
    destination,
    type: 'bind',
    source: resolve(source),
    options: ['rbind', 'rprivate', ...(mode === 'ro' ? ['ro'] : [])],
  };
}

/** All `-v` of a container: two at one place are a mistake, since one would hide the other. */
export function parseVolumes(texts: readonly string[]): readonly MountConfig[] {
  const mounts = texts.map(parseVolume);
  const seen = new Set<string>();
  for (const { destination } of mounts) {
    const place = resolve('/', destination);
    if (seen.has(place)) throw new TsbuildError('USAGE', `-v: two mounts at ${destination}`);
    seen.add(place);
  }
  return mounts;
}

/** Makes the sources that are not there as folders, as docker does. */
export function ensureSources(mounts: readonly MountConfig[]): void {
  for (const { type, source } of mounts) {
    if (type !== 'bind' || source === undefined) continue;
    try {
      mkdirSync(source, { recursive: true });
    } catch (error) {
      // A file is a source like any other.
      if (isErrno(error, 'EEXIST')) continue;
      const why = error instanceof Error ? error.message : String(error);
      throw new TsbuildError('USAGE', `-v: cannot make the folder ${source}: ${why}`, { cause: error });
    }
  }
}

function invalid(text: string, hint: string): TsbuildError {
  return new TsbuildError('USAGE', `-v: invalid value ${JSON.stringify(text)}`, { hint });
}
