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

/** gzip unless told, as registries and archives have it everywhere. Throws USAGE (O-70, O-72). */
export function formOf(words: FormWords): OutgoingForm {
  const compression = compressionOf(words.compression ?? 'gzip');
  if (words.ociMediaTypes === false && isSeekable(compression)) {
    throw new TsbuildError(
      'USAGE',
      `Docker's manifests cannot say where the files of ${compression} layers are`,
      {
        hint: 'leave oci-mediatypes=false out, or use gzip',
      },
    );
  }
  return {
    compression,
    level: levelOf(words.level, compression),
    force: words.force ?? false,
    mediaTypes: words.ociMediaTypes === false ? 'docker' : 'oci',
  };
}

/** Whether single files can be fetched; only OCI manifests carry the annotations that it takes. */
export function isSeekable(compression: OutgoingForm['compression']): boolean {
  return compression === 'estargz' || compression === 'zstd:chunked';
}

function compressionOf(text: string): OutgoingForm['compression'] {
  switch (text) {
    case 'gzip':
    case 'zstd':
    case 'estargz':
    case 'zstd:chunked':
      return text;
    case 'uncompressed':
      return 'none';
    default:
      throw new TsbuildError('USAGE', `there is no compression ${JSON.stringify(text)} here`, {
        hint: 'it is one of gzip, zstd, estargz, zstd:chunked, uncompressed',
      });
  }
}

function levelOf(text: string | undefined, compression: OutgoingForm['compression']): OutgoingForm['level'] {
  if (text === undefined) return undefined;
  if (compression === 'none') {
    throw new TsbuildError('USAGE', 'a compression level goes with gzip or zstd');
  }
  const level = Number(text);
  const highest = highestLevels[compression === 'gzip' || compression === 'estargz' ? 'gzip' : 'zstd'];
  if (/^\d{1,2}$/.test(text) && level >= 1 && level <= highest) return level;
  throw new TsbuildError('USAGE', `${compression} has no level ${JSON.stringify(text)}`, {
    hint: `levels are 1 to ${highest}`,
  });
}
