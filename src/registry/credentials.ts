import { join } from 'node:path';

import { TsbuildError } from '../core/index.ts';
import { homeFolder } from '../sys/index.ts';
import { readAuthFile, type AuthFile } from './auth-file.ts';
import { helperGet } from './credential-helper.ts';
import { registryVariables } from './variables.ts';

/** What proves who the user is. Never part of a URL, a log or an error (S-60, S-61). */
export type Credentials =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** A refresh token, exchanged for access tokens at the token service (G-12). */
  | { readonly kind: 'identity'; readonly username: string; readonly token: string }
  /** Sent to the registry as it is. */
  | { readonly kind: 'bearer'; readonly token: string };

export type CredentialLookup = (signal: AbortSignal) => Promise<Credentials | undefined>;

export interface CredentialPlace {
  /** As names carry it or as it is dialled: `docker.io`, `localhost:5000`. */
  readonly registry: string;
  /** `team/app`: podman's file may have an entry for it or for one of its namespaces. */
  readonly repository?: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Files in the order they are asked. That of `--authfile` is the only one. Else what the user names for this comes first, then
 * docker's, which `tsbuild login` writes: an entry of podman's that is older must not win over it.
 */
export function authFiles(environment: Environment = process.env): readonly string[] {
  const set = (name: string): string | undefined => environment[name] || undefined;
  const only = set(registryVariables.authFile);
  if (only !== undefined) return [only];
  const home = homeFolder(environment);
  const named = set('REGISTRY_AUTH_FILE');
  const runtime = set('XDG_RUNTIME_DIR');
  return [
    ...(named === undefined ? [] : [named]),
    dockerConfig(environment),
    ...(runtime === undefined ? [] : [join(runtime, 'containers', 'auth.json')]),
    join(set('XDG_CONFIG_HOME') ?? join(home, '.config'), 'containers', 'auth.json'),
  ];
}

/** The user's credentials for a repository, from the first file that has some (G-18, G-20). */
export async function findCredentials(
  place: CredentialPlace,
  options: { readonly signal: AbortSignal; readonly environment?: Environment | undefined },
): Promise<Credentials | undefined> {
  for (const path of authFiles(options.environment)) {
    const file = readAuthFile(path);
    const found = file && (await credentialsOf(file, place, options.signal));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Headers that docker's config.json has for every registry. One that cannot be read is told of when credentials are wanted. */
export function metaHeaders(environment: Environment = process.env): Readonly<Record<string, string>> {
  try {
    return readAuthFile(dockerConfig(environment))?.metaHeaders ?? {};
  } catch (error) {
    if (error instanceof TsbuildError) return {};
    throw error;
  }
}

function dockerConfig(environment: Environment): string {
  const folder = environment['DOCKER_CONFIG'] || join(homeFolder(environment), '.docker');
  return join(folder, 'config.json');
}

/** A helper for the registry, then the helper for all, then what the file itself holds. */
async function credentialsOf(
  file: AuthFile,
  place: CredentialPlace,
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  const own = helperOf(file, place.registry);
  for (const helper of [own, file.credsStore]) {
    if (helper === undefined) continue;
    const found = await helperGet(helper, serverKey(place.registry), signal);
    if (found !== undefined) return found;
  }
  return entryOf(file, place);
}

export function helperOf({ credHelpers }: AuthFile, registry: string): string | undefined {
  const names = aliases(registry);
  return Object.entries(credHelpers).find(([key]) => names.includes(registryOf(key)))?.[1];
}

const hubNames = ['docker.io', 'index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'];

/** All names under which a registry's credentials may be filed (G-17). */
export function aliases(registry: string): readonly string[] {
  return hubNames.includes(registry) ? hubNames : [registry];
}

/** Key of a registry where docker's tools look for it. */
export function serverKey(registry: string): string {
  return hubNames.includes(registry) ? 'https://index.docker.io/v1/' : registry;
}

/** `https://index.docker.io/v1/` and `host/v2` are how some tools write `index.docker.io` and `host`. */
export function registryOf(key: string): string {
  return key.replace(/^https?:\/\//, '').replace(/\/(?:v[12]\/?)?$/, '');
}

/** The entry for the longest part of the name: `host/team/app`, `host/team`, `host`. Whole components alone match. */
function entryOf({ auths }: AuthFile, { registry, repository }: CredentialPlace): Credentials | undefined {
  const parts = repository?.split('/') ?? [];
  for (let length = parts.length; length >= 0; length -= 1) {
    const path = parts.slice(0, length).map((part) => `/${part}`);
    for (const alias of aliases(registry)) {
      const wanted = `${alias}${path.join('')}`;
      const found = auths.find(({ key, credentials }) => credentials && registryOf(key) === wanted);
      if (found !== undefined) return found.credentials;
    }
  }
  return undefined;
}
