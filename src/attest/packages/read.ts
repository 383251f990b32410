import { isErrno, toText, TsbuildError, type ByteString } from '../../core/index.ts';
import type { RootDir } from '../../sys/rootdir.ts';

/**
 * A file of an image, which may be anything: undefined where there is none. What is too large or no file is
 * ATTESTATION_FAILED: a list of packages that is silently short is worse than none.
 */
export function readImageFile(root: RootDir, path: string, limit: number): Buffer | undefined {
  const bytes = path as ByteString;
  try {
    return root.read(bytes, limit);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    const shown = toText(bytes);
    const why = isErrno(error, 'EFBIG')
      ? `is larger than ${limit} bytes`
      : isErrno(error, 'EINVAL', 'EISDIR', 'ENXIO')
        ? 'is not a regular file'
        : isErrno(error, 'ELOOP', 'EXDEV')
          ? 'is a link that leads nowhere'
          : undefined;
    if (why === undefined) throw error;
    throw new TsbuildError('ATTESTATION_FAILED', `the SBOM cannot be made: /${shown} of the image ${why}`, {
      hint: 'build without --sbom, or find out what wrote that file',
      cause: error,
    });
  }
}

/** Names in a folder of an image; none where it is no folder. */
export function listImageFolder(root: RootDir, path: string): readonly ByteString[] {
  try {
    return root.list(path as ByteString);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV')) return [];
    throw error;
  }
}

/** Text that may be shown and kept: no control characters, no endless lines. */
export function plainText(text: string | undefined, limit = 256): string | undefined {
  const trimmed = text?.trim();
  if (trimmed === undefined || trimmed === '' || trimmed.length > limit) return undefined;
  return /[\u0000-\u001f\u007f]/.test(trimmed) ? undefined : trimmed;
}
