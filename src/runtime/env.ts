/** The search path of a container whose image sets none, the one Docker uses. */
export const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface EnvRequest {
  /** `key=value`, later entries win: the image's ENV, then build arguments or `-e`. A key without `=` is removed. */
  readonly env: readonly string[];
  readonly home: string;
  readonly terminal: boolean;
  /** Only for a container that is run: a build step's result must not depend on the name of the machine. */
  readonly hostname?: string | undefined;
}

/**
 * The environment of a container: what was given, and PATH, HOSTNAME, TERM (with a terminal) and HOME (of the user's
 * passwd entry) where nobody gave them. Each key once, at the place where it was first set.
 */
export function containerEnv(request: EnvRequest): string[] {
  const variables = new Map<string, string>([['PATH', defaultPath]]);
  if (request.hostname !== undefined) variables.set('HOSTNAME', request.hostname);
  if (request.terminal) variables.set('TERM', 'xterm');
  for (const entry of request.env) {
    const equals = entry.indexOf('=');
    if (equals < 0) variables.delete(entry);
    else variables.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  if (!variables.has('HOME')) variables.set('HOME', request.home);
  return [...variables].map(([key, value]) => `${key}=${value}`);
}
