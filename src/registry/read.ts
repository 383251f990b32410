import { createDigester, digestParts, TsbuildError } from '../core/index.ts';
import { HttpStatusError } from '../http/index.ts';
import type { Descriptor, Reference } from '../oci/index.ts';
import { createRegistryClient, type FetchedManifest, type RegistryClient } from './client.ts';
import { visitRepository, type RegistryOptions } from './repository.ts';

/** What can be asked of a repository, in one conversation with one token. */
export interface ReadableRepository {
  /** By tag or digest, what the reference names unless told; a digest is verified. Schema 1 is refused. */
  manifest(tagOrDigest?: string): Promise<FetchedManifest>;
  /** A whole small blob, verified. Throws IMAGE_INVALID where it is said to be larger than `limit` bytes. */
  bytes(descriptor: Descriptor, limit: number): Promise<Buffer>;
  /** The bytes of a blob as they come, resumed where they are cut. Not verified: whoever keeps them does that. */
  blob(descriptor: Descriptor): AsyncIterable<Uint8Array>;
}

/**
 * Carries out a task that reads from a repository. Throws IMAGE_NOT_FOUND where a manifest is not there, IMAGE_INVALID,
 * DIGEST_MISMATCH, INTERRUPTED and the REGISTRY_ codes.
 */
export async function readRepository<T>(
  reference: Reference,
  options: RegistryOptions,
  task: (repository: ReadableRepository) => Promise<T>,
): Promise<T> {
  return repositoryReader(reference, options)(task);
}

/** Tasks as `readRepository` carries them out, in one conversation with one token. */
export type RepositoryReader = <T>(task: (repository: ReadableRepository) => Promise<T>) => Promise<T>;

export function repositoryReader(reference: Reference, options: RegistryOptions): RepositoryReader {
  const visit = visitRepository(reference, { ...options, access: 'pull' });
  let client: RegistryClient | undefined;
  return async (task) =>
    visit(async (open) => {
      const own = (client ??= createRegistryClient(open));
      return task({
        manifest: async (one = reference.digest ?? reference.tag ?? 'latest') => own.manifest(one),
        bytes: async (descriptor, limit) => readBytes(own, descriptor, limit),
        blob: (descriptor) => own.blob(descriptor),
      });
    });
}

/** The client ends the transfer where it exceeds the size. */
export async function readBytes(
  client: RegistryClient,
  descriptor: Descriptor,
  limit: number,
): Promise<Buffer> {
  const { digest, size } = descriptor;
  if (size > limit) {
    throw new TsbuildError('IMAGE_INVALID', `the blob ${digest} is larger than ${limit} bytes`);
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of client.blob(descriptor)) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const digester = createDigester(digestParts(digest).algorithm);
  digester.update(bytes);
  if (bytes.byteLength === size && digester.digest() === digest) return bytes;
  throw new TsbuildError('DIGEST_MISMATCH', `the registry sent other bytes than ${digest} promises`);
}

/** Whether what was asked for within a task is not there, as against a registry that does not answer. */
export function isAbsent(error: unknown): boolean {
  return error instanceof HttpStatusError && error.status === 404;
}
