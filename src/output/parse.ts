import { splitCsv, TsbuildError } from '../core/index.ts';
import { parseAnnotationAttribute } from './annotations.ts';
import { parseAttributes, type Attributes } from './attributes.ts';
import { parseEpoch } from './epoch.ts';
import { formOf, isSeekable, type FormWords } from './form.ts';
import type { Destination, ImageShape, OutgoingForm, OutputSpec } from './types.ts';

const types = ['image', 'registry', 'oci', 'docker', 'local', 'tar', 'cacheonly'] as const;

/**
 * One `-o`/`--output` (C-11): `type=…` with options as buildx has them, or a bare folder for `local`, or `-` for `tar` on standard output. Throws USAGE.
 */
export function parseOutput(text: string): OutputSpec {
  if (text === '') throw new TsbuildError('USAGE', '--output: it is empty', { hint: 'give a folder, or -' });
  if (!isTyped(text)) {
    return text === '-' ? { kind: 'tar', dest: { kind: 'stdout' }, shape: {} } : local(text);
  }
  const attributes = parseAttributes(text);
  const type = attributes.oneOf('type', types);
  if (type === undefined) throw attributes.invalid('type is missing', `it is one of ${types.join(', ')}`);
  const spec = specOf(type, attributes);
  attributes.end();
  return spec;
}

/** As buildx tells them apart: one field without `type=` is a path, whatever else is in it. */
function isTyped(text: string): boolean {
  if (/^type=/i.test(text)) return true;
  const fields = splitCsv(text);
  return fields === undefined || fields.length !== 1 || fields[0] !== text;
}

function specOf(type: (typeof types)[number], attributes: Attributes): OutputSpec {
  switch (type) {
    case 'image':
    case 'registry':
      return image(attributes, { push: type === 'registry' });
    case 'oci': {
      const dest = destination(attributes.take('dest'));
      const tar = attributes.flag('tar') ?? true;
      if (!tar && dest.kind === 'stdout') throw attributes.invalid('a folder cannot go to standard output');
      return { kind: 'oci', dest, tar, ...imageParts(attributes) };
    }
    case 'docker': {
      const dest = attributes.take('dest');
      const context = attributes.take('context');
      if (context?.startsWith('-') === true) throw attributes.invalid('there is no such context');
      const parts = imageParts(attributes, archiveWords);
      if (isSeekable(parts.form.compression)) {
        throw attributes.invalid('engines unpack an archive as a whole', 'use type=registry or type=oci');
      }
      return {
        kind: 'docker',
        dest: dest === undefined || dest === '' ? undefined : destination(dest),
        context,
        ...parts,
      };
    }
    case 'local': {
      const dest = attributes.required('dest');
      if (dest === '-') throw attributes.invalid('a folder cannot go to standard output', 'use type=tar');
      return {
        ...local(dest),
        mode: attributes.oneOf('mode', ['copy', 'delete']) ?? 'copy',
        platformSplit: attributes.flag('platform-split'),
        specialFiles: attributes.flag('special-files') ?? false,
        shape: datesOf(attributes),
      };
    }
    case 'tar': {
      return {
        kind: 'tar',
        dest: destination(attributes.take('dest')),
        shape: datesOf(attributes),
      };
    }
    case 'cacheonly':
      return { kind: 'cacheonly', shape: {} };
  }
}

function local(dest: string): Extract<OutputSpec, { kind: 'local' }> {
  return {
    kind: 'local',
    dest,
    mode: 'copy',
    deletesAnywhere: false,
    platformSplit: undefined,
    specialFiles: false,
    shape: {},
  };
}

function image(attributes: Attributes, { push }: { readonly push: boolean }): OutputSpec {
  const parts = imageParts(attributes);
  const spec = {
    kind: 'image' as const,
    store: attributes.flag('store') ?? true,
    push: attributes.flag('push') ?? push,
    byDigest: attributes.flag('push-by-digest') ?? false,
    insecure: attributes.flag('registry.insecure') ?? false,
    ...parts,
  };
  // An image is always known under the digest it was pushed with, and unpacked by having been built.
  attributes.flag('name-canonical');
  attributes.flag('unpack');
  if (spec.byDigest && !spec.push) throw attributes.invalid('push-by-digest without push=true');
  return spec;
}

/** Not every engine unpacks layers of an archive. */
const archiveWords: FormWords = { compression: 'uncompressed', force: true };

function imageParts(
  attributes: Attributes,
  usual: FormWords = {},
): {
  readonly names: readonly string[];
  readonly form: OutgoingForm;
  readonly shape: ImageShape;
} {
  const names = (attributes.take('name') ?? '').split(',').filter((name) => name !== '');
  const compression = attributes.take('compression');
  const force = attributes.flag('force-compression');
  const form = formOf({
    ...(compression === undefined ? usual : { compression }),
    ...(force === undefined ? {} : { force }),
    level: attributes.take('compression-level'),
    ociMediaTypes: attributes.flag('oci-mediatypes'),
  });
  const rewrite = attributes.flag('rewrite-timestamp') === true ? 'clamp' : undefined;
  const annotations = attributes.takeAll(parseAnnotationAttribute);
  if (annotations.length > 0 && form.mediaTypes === 'docker') {
    throw attributes.invalid("Docker's manifests carry no annotations", 'leave oci-mediatypes=false out');
  }
  return { names, form, shape: { ...datesOf(attributes), rewrite, annotations } };
}

function datesOf(attributes: Attributes): Pick<ImageShape, 'epoch'> {
  const text = attributes.take('source-date-epoch');
  return { epoch: text === undefined ? undefined : parseEpoch(text, 'source-date-epoch') };
}

function destination(path: string | undefined): Destination {
  return path === undefined || path === '' || path === '-' ? { kind: 'stdout' } : { kind: 'file', path };
}
