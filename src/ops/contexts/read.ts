import { createReadStream, readFileSync, statSync } from 'node:fs';

import { isErrno, TsbuildError, type ErrorCode } from '../../core/index.ts';

/** Most bytes of a Dockerfile or ignore file; BuildKit draws the same line. */
export const maxTextBytes = 16 * 2 ** 20;

/** Reads to the end of it. Throws an error of `code` as soon as it is too large. */
export async function readText(
  source: AsyncIterable<Uint8Array>,
  name: string,
  code: ErrorCode = 'DOCKERFILE_INVALID',
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    size += chunk.byteLength;
    if (size > maxTextBytes) throw tooLarge(name, code);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A file of the host, which may be a pipe (`-f <(generate)`) or an endless device. */
export async function readHostText(path: string, name: string, code?: ErrorCode): Promise<Buffer> {
  const stat = statSync(path);
  // Streams, and the threads that read for them, take longer to load than most builds to read all that they read. What
  // says that it is empty may be a file of /proc, which need not end.
  if (stat.isFile() && stat.size > 0 && stat.size <= maxTextBytes) return readFileSync(path);
  return readText(createReadStream(path) as AsyncIterable<Uint8Array>, name, code);
}

/** The same of a file that need not be there. */
export async function readHostTextIfThere(path: string, code: ErrorCode): Promise<Buffer | undefined> {
  try {
    return await readHostText(path, path, code);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

export function tooLarge(name: string, code: ErrorCode): TsbuildError {
  return new TsbuildError(code, `${name} is larger than ${maxTextBytes / 2 ** 20} MiB`);
}
