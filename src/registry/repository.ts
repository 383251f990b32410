import { TsbuildError } from '../core/index.ts';
import { defaultRetryPolicy, type RetryPolicy } from '../http/index.ts';
import { familiarName, registryHost, type Reference } from '../oci/index.ts';
import { createConversation, type Conversation } from './conversation.ts';
import type { CredentialLookup } from './credentials.ts';
import { registryFailure } from './failure.ts';

/** What every operation on a registry may be told. */
export interface RegistryOptions {
  readonly signal?: AbortSignal | undefined;
  readonly retry?: RetryPolicy | undefined;
  /** Milliseconds without progress after which a request is begun anew; 60 s unless told. */
  readonly stall?: number | undefined;
  /** The user's own, from his files and helpers, unless told. */
  readonly credentials?: CredentialLookup | undefined;
}

/** One repository, spoken to. */
export interface OpenRepository {
  readonly conversation: Conversation;
  /** Follows the caller's signal and `failed`. */
  readonly signal: AbortSignal;
  /** Stops whatever else is under way. */
  readonly failed: AbortController;
  readonly retry: RetryPolicy;
  readonly stall: number;
}

export interface Visit extends RegistryOptions {
  readonly access: 'pull' | 'push';
  /** Other repositories of the registry that blobs may be mounted from. */
  readonly alsoRead?: readonly string[] | undefined;
}

export const defaultStall = 60_000;

/** Carries out a task on a repository; what fails there leaves as an error for users. */
export async function withRepository<T>(
  reference: Reference,
  visit: Visit,
  task: (repository: OpenRepository) => Promise<T>,
): Promise<T> {
  const { access, retry = defaultRetryPolicy, stall = defaultStall, alsoRead, credentials } = visit;
  const host = registryHost(reference.registry);
  const name = familiarName(reference);
  const failed = new AbortController();
  const signal = visit.signal === undefined ? failed.signal : AbortSignal.any([visit.signal, failed.signal]);
  const conversation = createConversation({
    ...{ host, repository: reference.repository, signal, stall, retry, access },
    ...{ alsoRead, credentials },
  });
  try {
    return await task({ conversation, signal, failed, retry, stall });
  } catch (error) {
    if (visit.signal?.aborted === true) {
      throw new TsbuildError('INTERRUPTED', `the ${access} of ${name} was stopped`, { cause: error });
    }
    throw registryFailure(error, { name, host, doing: access });
  }
}
