import { TsbuildError } from '../core/index.ts';
import { discard, HttpStatusError, withRetries } from '../http/index.ts';
import { familiarName, type Reference } from '../oci/index.ts';
import { withDeadline } from './conversation.ts';
import { withRepository, type OpenRepository, type RegistryOptions } from './repository.ts';
import { uploadLocation } from './upload-session.ts';

/**
 * Whether the user may push there, before a long build: an upload is begun and cancelled (end-4a, end-14), which is the one
 * question that every registry answers by its rules for pushes. No content, tag or open upload comes of it. Throws REGISTRY_DENIED,
 * REGISTRY_UNREACHABLE and REGISTRY_ERROR as a push would.
 */
export async function checkPushAccess(reference: Reference, options: RegistryOptions = {}): Promise<void> {
  await withRepository(reference, { ...options, access: 'push' }, async (repository) => {
    try {
      await beginAndCancel(repository);
    } catch (error) {
      throw refusal(error, familiarName(reference));
    }
  });
}

async function beginAndCancel(repository: OpenRepository): Promise<void> {
  const { conversation, retry, signal: stopped } = repository;
  const begun = await withRetries(
    async () =>
      withDeadline(repository, async (signal) => {
        const response = await conversation.request('blobs/uploads/', { method: 'POST', signal });
        await discard(response);
        return response;
      }),
    { policy: retry, signal: stopped },
  );
  const location = uploadLocation(begun);
  if (location === undefined) return;
  try {
    await withDeadline(repository, async (signal) => {
      await discard(await conversation.request(location, { method: 'DELETE', signal }));
    });
  } catch {
    // Registries forget uploads that nobody goes on with; not all of them can be told to.
    stopped.throwIfAborted();
  }
}

/** What these two mean of an upload they mean of nothing else. */
function refusal(error: unknown, name: string): unknown {
  if (!(error instanceof HttpStatusError)) return error;
  const said = error.detail === '' ? `status ${error.status}` : `${error.detail} (status ${error.status})`;
  if (error.status === 404) {
    return new TsbuildError('REGISTRY_DENIED', `cannot push ${name}: ${said}`, {
      hint: 'this registry may want the repository to be made before something is pushed to it',
      cause: error,
    });
  }
  if (error.status !== 405) return error;
  return new TsbuildError('REGISTRY_DENIED', `cannot push ${name}: ${said}`, {
    hint: 'this registry takes no pushes: it may be a mirror',
    cause: error,
  });
}
