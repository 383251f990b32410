import { TsbuildError } from '../core/index.ts';
import { discard, HttpStatusError, withRetries } from '../http/index.ts';
import { familiarName, type Reference } from '../oci/index.ts';
import { withDeadline } from './conversation.ts';
import { withRepository, type RegistryOptions } from './repository.ts';

/**
 * Deletes the tag, or the manifest of the digest with all tags that it has, in its registry (end-9). Throws IMAGE_NOT_FOUND,
 * REGISTRY_DENIED where the registry does no such thing, and the other REGISTRY_ codes.
 */
export async function deleteRemote(reference: Reference, options: RegistryOptions = {}): Promise<void> {
  const name = familiarName(reference);
  const which = reference.digest ?? reference.tag ?? 'latest';
  await withRepository(reference, { ...options, access: 'delete' }, async (open) => {
    let tries = 0;
    const once = async (signal: AbortSignal): Promise<void> => {
      tries += 1;
      try {
        await discard(await open.conversation.request(`manifests/${which}`, { method: 'DELETE', signal }));
      } catch (error) {
        // The answer to an earlier try was lost.
        if (tries > 1 && isStatus(error, 404)) return;
        throw refusal(error, { name, byTag: reference.digest === undefined });
      }
    };
    await withRetries(async () => withDeadline(open, once), { policy: open.retry, signal: open.signal });
  });
}

function isStatus(error: unknown, ...statuses: readonly number[]): error is HttpStatusError {
  return error instanceof HttpStatusError && statuses.includes(error.status);
}

function refusal(
  error: unknown,
  { name, byTag }: { readonly name: string; readonly byTag: boolean },
): unknown {
  // Registries of before tags could be deleted miss a digest where one stands.
  const isTagRefused = byTag && isStatus(error, 400);
  if (!isTagRefused && !isStatus(error, 405, 501)) return error;
  return new TsbuildError(
    'REGISTRY_DENIED',
    `the registry deletes no ${byTag ? 'tags' : 'manifests'}: ${name} is still there`,
    {
      hint: byTag
        ? 'it may delete a manifest by its digest, with all tags that it has: NAME@sha256:…'
        : 'whoever runs it may allow it, as docker-registry does by storage.delete.enabled',
      cause: error,
    },
  );
}
