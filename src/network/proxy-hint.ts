/** Variables that programs take a proxy from. */
const variables = ['http_proxy', 'https_proxy', 'ftp_proxy', 'all_proxy'];

/**
 * What to say when a program in a network of its own could not connect and its proxy is on the host's loopback, which is
 * another loopback in there; undefined when no proxy of the environment is.
 */
export function loopbackProxyHint(env: readonly string[]): string | undefined {
  for (const entry of env) {
    const equals = entry.indexOf('=');
    const [name, value] = [entry.slice(0, equals), entry.slice(equals + 1)];
    if (!variables.includes(name.toLowerCase())) continue;
    if (!/^(?:[a-z0-9+.-]+:\/\/)?(?:[^@/]*@)?(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::|\/|$)/i.test(value))
      continue;
    return `${name} points to the host's loopback, which a network of its own does not reach: use --network host, or let the proxy listen on another address`;
  }
  return undefined;
}
