import { join } from 'node:path';

import { createGitFetcher, createHttpFetcher } from '../../source/index.ts';
import type { Sources } from '../../source/types.ts';
import type { Store } from '../../store/index.ts';
import { readSecret } from '../secrets.ts';
import type { SshAgents } from '../ssh-agents.ts';
import type { SecretSource } from '../types.ts';

/** Fetches for one build, into the store; with the secrets and agents that the user gave it. */
export function sourcesOf(
  store: Store,
  given: { readonly secrets: ReadonlyMap<string, SecretSource>; readonly ssh: SshAgents },
): Sources {
  const secret = (id: string): Buffer | undefined => {
    const source = given.secrets.get(id);
    return source === undefined ? undefined : readSecret(id, source);
  };
  return {
    git: createGitFetcher({
      folder: join(store.root, 'git'),
      lock: (name, { signal }) => store.lock(name, { signal }),
      secret,
      sshAgent: () => given.ssh.socket('default'),
    }),
    http: createHttpFetcher({ folder: join(store.root, 'downloads'), secret }),
  };
}
