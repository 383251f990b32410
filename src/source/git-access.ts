import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { TsbuildError } from '../core/index.ts';
import { homeFolder } from '../sys/index.ts';
import type { GitAccess } from './git-command.ts';
import type { GitRemote } from './git-remote.ts';

export interface AccessOptions {
  /** A build secret by its id. */
  readonly secret: (id: string) => Uint8Array | undefined;
  /** Socket of the agent for ssh remotes. */
  readonly sshAgent: () => Promise<string | undefined>;
  /** Files of host keys, in the format of known_hosts. */
  readonly knownHosts?: readonly string[] | undefined;
}

/**
 * What git needs to get into a remote. Credentials travel in the environment: arguments are for everyone to see, and
 * a configuration file would outlive the build.
 */
export async function accessTo(remote: GitRemote, options: AccessOptions): Promise<GitAccess> {
  const shown = remote.shown;
  if (remote.scheme === 'ssh') return { config: [], env: await sshEnv(options), secrets: [], shown };
  if (remote.scheme === 'git') return { config: [], env: {}, secrets: [], shown };
  const credentials = credentialsFor(remote, options.secret);
  if (credentials === undefined) return { config: [], env: {}, secrets: [], shown };
  if (credentials.kind === 'header') {
    const { header } = credentials;
    return {
      config: [
        [`http.${remote.url}.extraHeader`, `Authorization: ${header}`],
        // git would send the header to wherever the first answer points.
        ['http.followRedirects', 'false'],
      ],
      env: {},
      secrets: [header, header.slice(header.indexOf(' ') + 1)],
      shown,
    };
  }
  const { username, password } = credentials;
  return {
    // Asked for the credentials of this host alone, so that a redirect to another gets none.
    config: [[`credential.${remote.scheme}://${remote.host}.helper`, helper]],
    env: { TSBUILD_GIT_USERNAME: username, TSBUILD_GIT_PASSWORD: password },
    secrets: [password, ...(password === '' ? [username] : [])],
    shown,
  };
}

/** git runs it with `sh -c`; the values are expanded there and in no argument (printf is built into the shell). */
const helper =
  '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$TSBUILD_GIT_USERNAME" "$TSBUILD_GIT_PASSWORD"; }; f';

type Credentials =
  | { readonly kind: 'header'; readonly header: string }
  | { readonly kind: 'login'; readonly username: string; readonly password: string };

/**
 * GIT_AUTH_HEADER and GIT_AUTH_TOKEN, those of the host (`GIT_AUTH_TOKEN.github.com`) before the general ones, as
 * BuildKit names them. What the address itself says goes before the general ones, for it is meant for this host. A
 * remote that a foreign repository names gets the host's own alone, and never over a connection that anyone can read.
 */
function credentialsFor(remote: GitRemote, secret: AccessOptions['secret']): Credentials | undefined {
  const own = remote.trusted || remote.scheme === 'https' ? secretsOf(`.${remote.host}`, secret) : undefined;
  if (own !== undefined) return own;
  if (remote.password !== undefined) {
    return { kind: 'login', username: remote.username ?? '', password: remote.password };
  }
  const general = remote.trusted ? secretsOf('', secret) : undefined;
  if (general !== undefined) return general;
  return remote.username === undefined
    ? undefined
    : { kind: 'login', username: remote.username, password: '' };
}

function secretsOf(suffix: string, secret: AccessOptions['secret']): Credentials | undefined {
  const header = oneLine(`GIT_AUTH_HEADER${suffix}`, secret);
  if (header !== undefined) return { kind: 'header', header };
  const token = oneLine(`GIT_AUTH_TOKEN${suffix}`, secret);
  return token === undefined ? undefined : { kind: 'login', username: 'x-access-token', password: token };
}

/** Files of secrets end in a newline more often than not; a newline inside would begin another header. */
function oneLine(id: string, secret: AccessOptions['secret']): string | undefined {
  const value = secret(id);
  if (value === undefined) return undefined;
  const text = Buffer.from(value).toString('utf8').trim();
  if (text !== '' && !/[\r\n\0]/.test(text)) return text;
  throw new TsbuildError('SECRET_INVALID', `secret ${id} is not one line of text`);
}

/**
 * Host keys are those that the user or the machine knows: an unknown one is refused, never learnt. Keys of the user's
 * home are not tried; the agent of --ssh is what a build may use.
 */
async function sshEnv({ sshAgent, knownHosts }: AccessOptions): Promise<Record<string, string>> {
  const agent = await sshAgent();
  const files = (knownHosts ?? [join(homeFolder(), '.ssh', 'known_hosts')])
    // Other characters have a meaning to ssh, which knows no way to quote all of them.
    .filter((file) => existsSync(file) && /^[\w ./@+:,=-]+$/.test(file))
    .map((file) => `"${file}"`);
  const settings = [
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    'UpdateHostKeys=no',
    `UserKnownHostsFile=${files.length === 0 ? '/dev/null' : files.join(' ')}`,
    'IdentityFile=none',
    'ForwardAgent=no',
    'ConnectTimeout=30',
    'ServerAliveInterval=20',
  ];
  const command = ['ssh', '-F', '/dev/null', ...settings.flatMap((setting) => ['-o', `'${setting}'`])];
  return {
    GIT_SSH_COMMAND: command.join(' '),
    GIT_SSH_VARIANT: 'ssh',
    ...(agent === undefined ? {} : { SSH_AUTH_SOCK: agent }),
  };
}
