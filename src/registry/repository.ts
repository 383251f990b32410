import { TsbuildError } from '../core/index.ts';
import type { RetryPolicy } from '../http/index.ts';
import { familiarName, type Reference } from '../oci/index.ts';
import { createConversation, type Access, type Conversation } from './conversation.ts';
import type { CredentialLookup } from './credentials.ts';
import { registryFailure } from './failure.ts';
import { registrySettings, type RegistrySettings } from './settings.ts';
import { retryPolicy } from './variables.ts';

/** What every operation on a registry may be told. */
export interface RegistryOptions {
  readonly signal?: AbortSignal | undefined;
  readonly retry?: RetryPolicy | undefined;
  /** Milliseconds without progress after which a request is begun anew; 60 s unless told. */
  readonly stall?: number | undefined;
  /** The user's own, from his files and helpers, unless told. */
  readonly credentials?: CredentialLookup | undefined;
  /** Mirrors, certificates and what is insecure: as the files of the user and the machine say, unless told. */
  readonly settings?: RegistrySettings | undefined;
  /** Told what the user should know and what is no failure, one line each. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** One repository, spoken to. */
export interface OpenRepository {
  readonly conversation: Conversation;
  /** What is asked before the registry itself, when something is read. */
  readonly mirrors: readonly Mirror[];
  /** Follows the caller's signal and `failed`. */
  readonly signal: AbortSignal;
  /** Stops whatever else is under way. */
  readonly failed: AbortController;
  readonly retry: RetryPolicy;
  readonly stall: number;
  readonly onWarning: RegistryOptions['onWarning'];
}

export interface Mirror {
  readonly host: string;
  readonly conversation: Conversation;
}

export interface Visit extends RegistryOptions {
  readonly access: Access;
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
  return visitRepository(reference, visit)(task);
}

/** Tasks on a repository, as `withRepository` carries them out, in one conversation with one token. */
export type RepositoryVisit = <T>(task: (repository: OpenRepository) => Promise<T>) => Promise<T>;

export function visitRepository(reference: Reference, visit: Visit): RepositoryVisit {
  const { access, retry = retryPolicy(), stall = defaultStall, onWarning } = visit;
  const name = familiarName(reference);
  const failed = new AbortController();
  const signal = visit.signal === undefined ? failed.signal : AbortSignal.any([visit.signal, failed.signal]);
  const settings = visit.settings ?? registrySettings();
  const shared = { settings, signal, stall, retry, access, onWarning };
  const readFrom = settings.readTo(reference);
  const own = readFrom.at(-1);
  const place = (access === 'pull' ? own : undefined) ?? settings.pushTo(reference);
  const mirrors = readFrom
    .filter(({ mirrors: of }) => access === 'pull' && of !== undefined)
    // Not with the credentials that were given for the registry: a mirror is another's (S-60).
    .map((mirror) => ({ host: mirror.host, conversation: createConversation({ ...shared, place: mirror }) }));
  const { alsoRead } = visit;
  // Nor with them to where a hosts.toml has pushes go.
  const credentials = place.host === own?.host ? visit.credentials : undefined;
  const conversation = createConversation({ ...shared, place, alsoRead, credentials });
  return async (task) => {
    try {
      return await task({ conversation, mirrors, signal, failed, retry, stall, onWarning });
    } catch (error) {
      if (visit.signal?.aborted === true) {
        throw new TsbuildError(
          'INTERRUPTED',
          `the ${access === 'delete' ? 'deletion' : access} of ${name} was stopped`,
          { cause: error },
        );
      }
      throw registryFailure(error, { name, host: place.host, doing: access });
    }
  };
}
