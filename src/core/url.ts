const hidden = 'xxxxx';

/**
 * The text with the user information of every URL in it replaced: for whatever is shown or kept (S-61). Any text will
 * do, a tool's output as well as one URL. The user of an ssh URL stays when no password follows, for that is an account
 * (`ssh://git@host`) and not a token, and so does that of `git@host:path`, which has no place for a secret.
 */
export function redactUrl(text: string): string {
  const [first = '', ...rest] = text.split('://');
  let before = first;
  return rest.reduce((done, part) => {
    const ssh = /(?:ssh|git)$/i.test(before.slice(-3));
    before = part;
    return `${done}://${redactAuthority(part, ssh)}`;
  }, first);
}

/** The host of a URL or of `user@host:path`, with the port of a URL where one is written; undefined where there is none. */
export function hostOfUrl(url: string): string | undefined {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(url)?.[1];
  const host = authority ?? /^([^/:]*@[^/:]+):/.exec(url)?.[1];
  const name = host?.slice(host.lastIndexOf('@') + 1);
  return name === undefined || name === '' ? undefined : name.toLowerCase();
}

/** `rest` begins behind `://`. */
function redactAuthority(rest: string, ssh: boolean): string {
  const authority = rest.slice(0, endOf(rest, /[\s/?#'"]/));
  const at = authority.lastIndexOf('@');
  if (at >= 0) {
    const account = ssh && !authority.slice(0, at).includes(':');
    return account ? rest : hidden + rest.slice(at);
  }
  // A secret with a raw slash in it (`user:a/b@host`) ends the authority early; what should be a port is none then.
  const port = /^(?:\[[^\]]*\]|[^:]*):(.*)$/.exec(authority)?.[1];
  if (port === undefined || /^\d*$/.test(port)) return rest;
  const secret = rest.slice(0, endOf(rest, /[\s'"]/)).lastIndexOf('@');
  return secret < 0 ? rest : hidden + rest.slice(secret);
}

function endOf(text: string, stop: RegExp): number {
  const found = text.search(stop);
  return found < 0 ? text.length : found;
}
