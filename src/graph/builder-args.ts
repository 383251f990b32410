import { TsbuildError } from '../core/index.ts';

/** What BuildKit calls a step's host; a name of the real host would make layers differ between machines. */
export const defaultHostname = 'buildkitsandbox';

/** The name of a step's host, as BUILDKIT_SANDBOX_HOSTNAME gives it (L-090). Throws USAGE. */
export function sandboxHostname(buildArgs: ReadonlyMap<string, string>): string {
  const given = buildArgs.get('BUILDKIT_SANDBOX_HOSTNAME') ?? '';
  if (given === '') return defaultHostname;
  // It is written to /etc/hosts, too, where a blank or a line end would begin something else; the kernel takes 64 bytes.
  if (/^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?$/.test(given)) return given;
  throw new TsbuildError('USAGE', `BUILDKIT_SANDBOX_HOSTNAME is not a host name: ${JSON.stringify(given)}`, {
    hint: 'up to 64 letters, digits, dots and dashes',
  });
}

/** The name of a cache mount: builds of another BUILDKIT_CACHE_MOUNT_NS have caches of their own (L-090). */
export function cacheId(buildArgs: ReadonlyMap<string, string>, id: string): string {
  const namespace = buildArgs.get('BUILDKIT_CACHE_MOUNT_NS') ?? '';
  return namespace === '' ? id : `${namespace}/${id}`;
}
