const unnamed = '__unnamed__';
/** NAME_MAX of every Linux file system. */
const maxBytes = 255;

/**
 * Name of the file that a URL's content is kept under (L-176): the last part of its path, decoded, and `__unnamed__`
 * where that is none or no plain file name (S-42). Nothing that the server says has a part in it.
 */
export function fileNameOfUrl(url: string): string {
  const path = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*([^?#]*)/i.exec(url)?.[1] ?? '';
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return unnamed;
  }
  // Decoded first: `%2e%2e%2fpasswd` has two slashes as well.
  const name = decoded.replace(/\/+$/, '').split('/').at(-1) ?? '';
  const plain = name !== '' && name !== '.' && name !== '..' && !name.includes('\0');
  return plain && Buffer.byteLength(name) <= maxBytes ? name : unnamed;
}
