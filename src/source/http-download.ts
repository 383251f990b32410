import { open } from 'node:fs/promises';

import {
  createDigester,
  digestParts,
  fromErrno,
  redactUrl,
  TsbuildError,
  type Digest,
} from '../core/index.ts';
import { bodyOf, CutOffError, type HttpResponse } from '../http/index.ts';

export interface Download {
  /** As the user wrote it. */
  readonly url: string;
  readonly response: HttpResponse;
  /** Host path to create. */
  readonly path: string;
  /** Most bytes that are taken. */
  readonly limit: number;
  /** What the content must be. */
  readonly checksum: Digest | undefined;
  readonly onChunk: (current: number, total: number | undefined) => void;
}

export interface Downloaded {
  /** By sha256, whatever the checksum is of. */
  readonly digest: Digest;
  readonly size: number;
}

/**
 * Writes an answer's body to disk while it is hashed; what is there at the end is whole, and on the disk itself.
 * Throws SOURCE_INVALID for another content than the checksum's or too much of it, CutOffError when some is missing.
 */
export async function download(job: Download): Promise<Downloaded> {
  const { response, limit, checksum } = job;
  const total = lengthOf(response);
  if (total !== undefined && total > limit) throw tooLarge(job);
  const digester = createDigester();
  const wanted = checksum === undefined ? undefined : digestParts(checksum).algorithm;
  const other = wanted === undefined || wanted === 'sha256' ? undefined : createDigester(wanted);
  let size = 0;
  const file = await open(job.path, 'wx', 0o600).catch((error: unknown) => {
    throw fromErrno(error, `creating ${job.path}`);
  });
  try {
    for await (const chunk of bodyOf(response)) {
      size += chunk.byteLength;
      if (size > limit) throw tooLarge(job);
      digester.update(chunk);
      other?.update(chunk);
      await writeAll(file, chunk, job.path);
      job.onChunk(size, total);
    }
    if (total !== undefined && size !== total) {
      throw new CutOffError(`it sent ${size} of the ${total} bytes that it announced`);
    }
    // Found again by its name and size alone: neither may outlive its content in a power loss.
    await file.sync();
  } finally {
    await file.close();
  }
  const digest = digester.digest();
  const is = other?.digest() ?? digest;
  if (checksum !== undefined && is !== checksum) throw mismatch(job.url, checksum, is);
  return { digest, size };
}

export function mismatch(url: string, checksum: Digest, is: Digest): TsbuildError {
  return new TsbuildError('SOURCE_INVALID', `${redactUrl(url)} has the digest ${is}, not ${checksum}`, {
    hint: 'the file has changed, or it is not the one that was meant; if the new one is right, write its digest in --checksum',
  });
}

async function writeAll(
  file: Awaited<ReturnType<typeof open>>,
  chunk: Uint8Array,
  path: string,
): Promise<void> {
  try {
    for (let done = 0; done < chunk.byteLength;) done += (await file.write(chunk, done)).bytesWritten;
  } catch (error) {
    throw fromErrno(error, `writing ${path}`);
  }
}

/** Undefined where a coding that fetch undoes makes it say something else. */
function lengthOf(response: HttpResponse): number | undefined {
  const coding = response.headers.get('content-encoding') ?? 'identity';
  const length = response.headers.get('content-length') ?? '';
  return coding === 'identity' && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

function tooLarge({ url, limit }: Download): TsbuildError {
  return new TsbuildError('SOURCE_INVALID', `${redactUrl(url)} is larger than ${limit} bytes`);
}
