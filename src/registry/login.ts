import { TsbuildError } from '../core/index.ts';
import { discard, get, type TlsSettings } from '../http/index.ts';
import { registryHost } from '../oci/index.ts';
import { changeAuthFile, readAuthFile } from './auth-file.ts';
import { authorized, registryBase } from './conversation.ts';
import { helperErase, helperStore } from './credential-helper.ts';
import { aliases, authFiles, helperOf, registryOf, serverKey } from './credentials.ts';
import { registryFailure } from './failure.ts';
import { registrySettings } from './settings.ts';
import { createAuthorizer } from './token.ts';

export interface LoginOptions {
  readonly signal: AbortSignal;
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
}

/** Where a login is kept. */
export interface LoginPlace {
  readonly path: string;
  /** The helper that has it, when the file names one. */
  readonly helper: string | undefined;
}

/**
 * Asks the registry whether it takes the credentials, and keeps them: with the helper that the file names, else in the
 * file. Throws REGISTRY_DENIED when it does not, and nothing is kept then.
 */
export async function logIn(
  registry: string,
  user: { readonly username: string; readonly password: string },
  options: LoginOptions,
): Promise<LoginPlace> {
  await verify(registry, user, options);
  const place = placeOf(registry, options);
  if (place.helper !== undefined) {
    await helperStore(place.helper, { server: serverKey(registry), ...user }, options.signal);
  }
  const auth = Buffer.from(`${user.username}:${user.password}`).toString('base64');
  const change = (auths: Record<string, unknown>): Record<string, unknown> => ({
    ...without(auths, registry),
    // Docker's way to note that a helper has it.
    [serverKey(registry)]: place.helper === undefined ? { auth } : {},
  });
  await changeAuthFile(place.path, change, options.signal);
  return place;
}

/** False when there was nothing to forget. */
export async function logOut(registry: string, options: LoginOptions): Promise<boolean> {
  const { path, helper } = placeOf(registry, options);
  const erased = helper !== undefined && (await helperErase(helper, serverKey(registry), options.signal));
  const names = aliases(registry);
  const held = readAuthFile(path)?.auths.some(({ key }) => names.includes(registryOf(key))) ?? false;
  if (held) await changeAuthFile(path, (auths) => without(auths, registry), options.signal);
  return erased || held;
}

function placeOf(registry: string, { environment }: LoginOptions): LoginPlace {
  const path = authFiles(environment)[0] ?? '';
  const file = readAuthFile(path);
  return { path, helper: file && (helperOf(file, registry) ?? file.credsStore) };
}

function without(auths: Record<string, unknown>, registry: string): Record<string, unknown> {
  const names = aliases(registry);
  return Object.fromEntries(Object.entries(auths).filter(([key]) => !names.includes(registryOf(key))));
}

async function verify(
  registry: string,
  user: { readonly username: string; readonly password: string },
  { signal, environment }: LoginOptions,
): Promise<void> {
  const host = registryHost(registry);
  try {
    const settings = registrySettings({ environment });
    const place = settings.hostPlace(host);
    const base = await registryBase(place, settings, signal);
    const tls = (url: URL): TlsSettings | undefined => settings.tls(url, place);
    const authorizer = createAuthorizer({
      registry: base,
      scopes: [],
      tls,
      credentials: () => Promise.resolve({ kind: 'password', ...user }),
    });
    const url = new URL('/v2/', base);
    const answer = await authorized(authorizer, signal, async (authorization) =>
      get(url, { headers: authorization === undefined ? {} : { authorization }, signal, tls }),
    );
    await discard(answer);
  } catch (error) {
    if (signal.aborted) throw new TsbuildError('INTERRUPTED', 'the login was stopped', { cause: error });
    throw registryFailure(error, { name: `the login`, host, doing: 'log in' });
  }
}
