/** Ordered variables: a later value replaces an earlier one in its place, as Docker keeps config.Env. */
export type Environment = ReadonlyMap<string, string>;

export const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export function parseEnvironment(entries: readonly string[]): Environment {
  const result = new Map<string, string>();
  for (const entry of entries) {
    const equals = entry.indexOf('=');
    if (equals < 0) result.set(entry, '');
    else result.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  return result;
}

export function formatEnvironment(environment: Environment): readonly string[] {
  return [...environment].map(([name, value]) => `${name}=${value}`);
}

export function withVariables(
  environment: Environment,
  variables: Iterable<readonly [string, string]>,
): Environment {
  const result = new Map(environment);
  for (const [name, value] of variables) result.set(name, value);
  return result;
}
