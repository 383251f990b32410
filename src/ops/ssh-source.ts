import { statSync } from 'node:fs';

import { TsbuildError } from '../core/index.ts';
import type { SshSource } from './types.ts';

/** What parsing asks of the machine. */
export interface SshHost {
  /** `SSH_AUTH_SOCK` of the user. */
  readonly agentSocket: string | undefined;
  /** Throws TsbuildError or an errno error for a path that cannot be looked at. */
  isSocket(path: string): boolean;
}

const thisHost = (): SshHost => ({
  agentSocket: process.env['SSH_AUTH_SOCK'],
  isSocket: (path) => statSync(path).isSocket(),
});

const usage =
  'expected default, ID, ID=SOCKET or ID=KEY[,KEY…], as --ssh default or --ssh github=~/.ssh/id_ed25519';

/**
 * The value of `--ssh`, as BuildKit reads it: an id, and either the socket of an agent or private keys (C-16). Without
 * a path it is the user's own agent. Throws USAGE for a malformed value, SSH_INVALID for what is not there.
 */
export function parseSshSource(
  text: string,
  host: SshHost = thisHost(),
): { readonly id: string; readonly source: SshSource } {
  const equals = text.indexOf('=');
  const id = equals < 0 ? text : text.slice(0, equals);
  if (!/^[A-Za-z0-9_.:@/-]{1,128}$/.test(id)) {
    throw new TsbuildError('USAGE', `--ssh: invalid value ${JSON.stringify(text)}`, { hint: usage });
  }
  const written = equals < 0 ? '' : text.slice(equals + 1);
  if (written === '') return { id, source: { kind: 'agent', socket: userAgent(id, host) } };
  const paths = written.split(',');
  if (paths.includes('')) {
    throw new TsbuildError('USAGE', `--ssh: empty path in ${JSON.stringify(text)}`, { hint: usage });
  }
  const sockets = paths.filter((path) => isSocket(path, host));
  const [socket] = sockets;
  if (socket === undefined) return { id, source: { kind: 'keys', paths } };
  if (paths.length === 1) return { id, source: { kind: 'agent', socket } };
  throw new TsbuildError(
    'USAGE',
    `--ssh ${id}: an agent's socket stands alone, without keys or other sockets`,
    {
      hint: usage,
    },
  );
}

function userAgent(id: string, host: SshHost): string {
  if (host.agentSocket !== undefined && host.agentSocket !== '') return host.agentSocket;
  throw new TsbuildError('SSH_INVALID', `--ssh ${id}: there is no SSH agent: SSH_AUTH_SOCK is not set`, {
    hint: `start one (eval $(ssh-agent); ssh-add), or name keys: --ssh ${id}=PATH`,
  });
}

function isSocket(path: string, host: SshHost): boolean {
  try {
    return host.isSocket(path);
  } catch (error) {
    throw new TsbuildError('SSH_INVALID', `--ssh: cannot use ${path}`, {
      hint: 'give the socket of an agent, or files of private keys',
      cause: error,
    });
  }
}
