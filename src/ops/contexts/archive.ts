import { fromErrno, TsbuildError } from '../../core/index.ts';
import { extractArchive } from '../../snapshot/index.ts';
import { openRootDir } from '../../sys/index.ts';
import { decompress, isTarHead, peek, sniffCompression } from '../../tar/index.ts';
import { hostDecompressor } from '../decompress.ts';

/** An archive by its first bytes, as BuildKit has it: a tar, or anything compressed. Else it is a Dockerfile. */
export function isArchive(head: Uint8Array): boolean {
  const empty = head.length > 0 && head.every((byte) => byte === 0);
  return empty || isTarHead(head) || sniffCompression(head) !== 'none';
}

/**
 * Unpacks the tar of a context, of whatever compression, into an empty folder. Owners count for nothing in a context,
 * and nobody needs a stranger's device nodes on this machine. Throws ARCHIVE_INVALID, ARCHIVE_LIMIT.
 */
export async function unpackContext(
  source: AsyncIterable<Uint8Array>,
  folder: string,
  { name, signal }: { readonly name: string; readonly signal: AbortSignal },
): Promise<void> {
  using root = openRootDir(folder);
  const owner = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  try {
    const plain = await peek((await decompress(source, hostDecompressor)).bytes);
    if (!isArchive(plain.head)) {
      await plain.bytes[Symbol.asyncIterator]().return?.();
      throw new TsbuildError('ARCHIVE_INVALID', 'it is compressed, but no tar');
    }
    await extractArchive(plain.bytes, root, { devices: 'skip', owner, signal });
  } catch (error) {
    signal.throwIfAborted();
    const failure = fromErrno(error, 'unpacking it');
    if (!(failure instanceof TsbuildError)) throw error;
    throw new TsbuildError(failure.code, `${name}: ${failure.message}`, { hint: failure.hint, cause: error });
  }
}
