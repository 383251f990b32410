import { hostOfUrl, redactUrl } from '../core/index.ts';

/** A remote with its credentials taken out of the address, which shows in the arguments of git's helpers. */
export interface GitRemote {
  readonly url: string;
  readonly scheme: 'http' | 'https' | 'ssh' | 'git';
  /** With the port, where one is written. */
  readonly host: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Named by the user; one that a foreign repository names gets only what is meant for its host. */
  readonly trusted: boolean;
  /** For people. */
  readonly shown: string;
}

/** `text` is a checked remote of a GitSource or of a submodule. */
export function gitRemote(text: string, trusted: boolean): GitRemote {
  const host = hostOfUrl(text) ?? '';
  const shown = redactUrl(text);
  const [, scheme, userinfo, rest] = /^([a-z]+):\/\/(?:([^/]*)@)?(.*)$/is.exec(text) ?? [];
  if (scheme === undefined || rest === undefined) {
    return { url: text, scheme: 'ssh', host: host === '' ? hostOfScp(text) : host, trusted, shown };
  }
  const colon = userinfo?.indexOf(':') ?? -1;
  const username = colon < 0 ? userinfo : userinfo?.slice(0, colon);
  const password = colon < 0 ? undefined : userinfo?.slice(colon + 1);
  const kind = scheme.toLowerCase() as GitRemote['scheme'];
  if (kind === 'ssh') {
    // An account is part of the address; ssh takes no password from there.
    const account = username === undefined ? '' : `${username}@`;
    return { url: `ssh://${account}${rest}`, scheme: 'ssh', host, trusted, shown };
  }
  return {
    url: `${kind}://${rest}`,
    scheme: kind,
    host,
    username: unescaped(username),
    password: unescaped(password),
    trusted,
    shown,
  };
}

/** git takes `host:path` without a user, too, in .gitmodules. */
function hostOfScp(text: string): string {
  return text.slice(0, Math.max(0, text.indexOf(':'))).toLowerCase();
}

function unescaped(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
