import { TsbuildError } from '../core/index.ts';
import type { ToolResult } from '../sys/index.ts';
import { lastWords } from './git-command.ts';
import type { GitRemote } from './git-remote.ts';

interface Failure {
  readonly pattern: RegExp;
  readonly error: (remote: GitRemote, said: string) => TsbuildError;
}

/** What git (in the C locale), its helpers and servers say, most telling first. */
const failures: readonly Failure[] = [
  {
    pattern: /cannot run ssh|ssh: (?:command )?not found/,
    error: () =>
      new TsbuildError('HOST_UNSUPPORTED', 'the program ssh is not installed', {
        hint: 'install it (openssh-client), or use an https address',
      }),
  },
  {
    pattern: /'remote-https?' is not a git command/,
    error: () => new TsbuildError('HOST_UNSUPPORTED', 'the git of this machine cannot fetch over http'),
  },
  {
    pattern: /Host key verification failed|No \S+ host key is known/,
    error: ({ shown, host }) =>
      new TsbuildError(
        'SOURCE_DENIED',
        `the host key of ${shown} is not known, or not the one that is known`,
        {
          hint: `check the key of the host and add it to ~/.ssh/known_hosts (ssh-keyscan ${host})`,
        },
      ),
  },
  {
    pattern: /Permission denied \(/,
    error: ({ shown }) =>
      new TsbuildError('SOURCE_DENIED', `${shown} refused the keys of the SSH agent`, {
        hint: 'pass an agent that holds the key: --ssh default',
      }),
  },
  {
    pattern:
      /Authentication failed|could not read (?:Username|Password)|returned error: 40[13]|Access denied(?! or repository)/i,
    error: ({ shown, host }) =>
      new TsbuildError('SOURCE_DENIED', `${shown} wants other credentials, or does not exist`, {
        hint: `pass a token as the build secret GIT_AUTH_TOKEN.${host} or GIT_AUTH_TOKEN`,
      }),
  },
  {
    pattern: /returned error: 30\d|unable to update url base from redirection/,
    error: ({ shown }) =>
      new TsbuildError('SOURCE_UNREACHABLE', `${shown} points to another address`, {
        hint: 'name that address: a GIT_AUTH_HEADER is not sent on',
      }),
  },
  {
    pattern:
      /repository .*not (?:found|exported)|returned error: 404|does not appear to be a git repository|does not exist|no such repository/i,
    error: ({ shown }) => new TsbuildError('SOURCE_NOT_FOUND', `there is no git repository at ${shown}`),
  },
];

/** The error for a command that could not talk to the remote. */
export function remoteFailure(remote: GitRemote, { stderr, status }: ToolResult): TsbuildError {
  const said = lastWords(stderr) || `git ended with status ${status}`;
  const known = failures.find(({ pattern }) => pattern.test(stderr));
  return (
    known?.error(remote, said) ??
    new TsbuildError('SOURCE_UNREACHABLE', `fetching from ${remote.shown} failed: ${said}`)
  );
}
