import { TsbuildError } from '../core/index.ts';
import { highestLevels } from '../tar/index.ts';
import type { OutgoingForm } from './types.ts';

/** As flags and attributes say it. */
export interface FormWords {
  readonly compression?: string | undefined;
  readonly level?: string | undefined;
  readonly force?: boolean | undefined;
  readonly ociMediaTypes?: boolean | undefined;
}

/** gzip unless told, as registries and archives have it everywhere. Throws USAGE (O-70). */
export function formOf(words: FormWords): OutgoingForm {
  const compression = compressionOf(words.compression ?? 'gzip');
  return {
    compression,
    level: levelOf(words.level, compression),
    force: words.force ?? false,
    mediaTypes: words.ociMediaTypes === false ? 'docker' : 'oci',
  };
}

function compressionOf(text: string): OutgoingForm['compression'] {
  switch (text) {
    case 'gzip':
    case 'zstd':
      return text;
    case 'uncompressed':
      return 'none';
    default:
      throw new TsbuildError('USAGE', `there is no compression ${JSON.stringify(text)} here`, {
        hint: 'it is one of gzip, zstd, uncompressed',
      });
  }
}

function levelOf(text: string | undefined, compression: OutgoingForm['compression']): OutgoingForm['level'] {
  if (text === undefined) return undefined;
  if (compression === 'none') {
    throw new TsbuildError('USAGE', 'a compression level goes with gzip or zstd');
  }
  const level = Number(text);
  if (/^\d{1,2}$/.test(text) && level >= 1 && level <= highestLevels[compression]) return level;
  throw new TsbuildError('USAGE', `${compression} has no level ${JSON.stringify(text)}`, {
    hint: `levels are 1 to ${highestLevels[compression]}`,
  });
}
