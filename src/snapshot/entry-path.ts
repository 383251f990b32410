import { TsbuildError, toText, type ByteString } from '../core/index.ts';

/** Where an entry of an archive goes: `parent` is relative to the root without `.` or empty components, `''` is the root. */
export interface EntryPlace {
  readonly parent: ByteString;
  /** One component; empty for the root itself. */
  readonly name: ByteString;
}

const odd = /^\/|\/\/|\/$|(?:^|\/)\.{1,2}(?:\/|$)|^$/;

/**
 * An archive's path as a place below the root. Absolute names are taken as relative to it, as tar and containerd do.
 * `..` is refused, and not resolved: by its text and by the tree it may lead to two places, and no archive needs it.
 * Symlinks are not looked at here. Throws ARCHIVE_INVALID.
 */
export function entryPlace(path: ByteString): EntryPlace {
  const clean = odd.test(path) ? normalise(path) : path;
  const slash = clean.lastIndexOf('/');
  return {
    parent: clean.slice(0, Math.max(slash, 0)) as ByteString,
    name: clean.slice(slash + 1) as ByteString,
  };
}

function normalise(path: ByteString): string {
  const components = path.split('/').filter((component) => component !== '' && component !== '.');
  if (components.includes('..')) {
    throw new TsbuildError('ARCHIVE_INVALID', `the path ${quoteBytes(path)} in the archive has a ".."`);
  }
  return components.join('/');
}

/** For messages. */
export function quoteBytes(path: ByteString): string {
  return JSON.stringify(toText(path).slice(0, 200));
}

/** `directory/name`, where `''` is the root. */
export function joinPath(directory: ByteString, name: ByteString): ByteString {
  return (directory === '' ? name : `${directory}/${name}`) as ByteString;
}
