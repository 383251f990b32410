import { TsbuildError } from '../core/index.ts';
import { isPrivateLiteral } from '../http/index.ts';

/** One challenge of a WWW-Authenticate header (RFC 9110 section 11.6.1); names are in lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const maxHeader = 16 * 1024;

/** All challenges of a header, which may hold several, separated by the same commas as their parameters. */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  // A token before `=` is a parameter of the challenge before it, a token on its own begins the next challenge.
  const pieces = header
    .slice(0, maxHeader)
    .matchAll(/([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))?/g);
  for (const [, name = '', quoted, token] of pieces) {
    const value = quoted?.replace(/\\(.)/gs, '$1') ?? token;
    if (value === undefined) challenges.push({ scheme: name.toLowerCase(), parameters: new Map() });
    else challenges.at(-1)?.parameters.set(name.toLowerCase(), value);
  }
  return challenges;
}

/**
 * The token service that a challenge names, checked before anything is sent there. A registry must not be able to
 * point its clients at services inside their own network (checklist G-15), nor at plain http unless it is spoken to so itself.
 */
export function checkRealm(realm: string | undefined, registry: URL): URL {
  const refuse = (why: string): TsbuildError =>
    new TsbuildError(
      'REGISTRY_DENIED',
      `${registry.host} asks for a token in a way that is not safe: ${why}`,
    );
  if (realm === undefined || !URL.canParse(realm)) throw refuse('its token service is not a URL');
  const url = new URL(realm);
  if (url.username !== '' || url.password !== '') throw refuse('the URL of its token service has a password');
  const insecure = url.protocol === 'http:' && registry.protocol === 'http:';
  if (url.protocol !== 'https:' && !insecure) throw refuse(`its token service is not https (${url.origin})`);
  if (isPrivateLiteral(url) && url.hostname !== registry.hostname) {
    throw refuse(`its token service is at a private address (${url.host})`);
  }
  return url;
}
