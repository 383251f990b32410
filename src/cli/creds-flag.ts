import { Option, type Command } from 'commander';

import { TsbuildError } from '../core/index.ts';
import type { CredentialLookup } from '../registry/index.ts';
import { askOnTerminal } from './ask.ts';

/** For commands that speak to one registry: its mirrors and others never see them (S-60). */
export function addCredsOption(command: Command): Command {
  return command.addOption(
    new Option(
      '--creds <user[:password]>',
      'who you are at the registry; others on this machine can see a password that stands here',
    ).helpGroup('Registry options:'),
  );
}

/** Undefined where the flag is not given. A password that is missing is asked for on a terminal. Throws USAGE. */
export async function credentialsOf(
  creds: string | undefined,
  signal: AbortSignal,
): Promise<CredentialLookup | undefined> {
  if (creds === undefined) return undefined;
  const colon = creds.indexOf(':');
  const username = colon === -1 ? creds : creds.slice(0, colon);
  if (username === '') throw new TsbuildError('USAGE', '--creds needs the name of a user');
  const password = colon === -1 ? await asked(username, signal) : creds.slice(colon + 1);
  return () => Promise.resolve({ kind: 'password', username, password });
}

async function asked(username: string, signal: AbortSignal): Promise<string> {
  const typed = process.stdin.isTTY
    ? await askOnTerminal(`password of ${username}: `, { hidden: true, signal })
    : undefined;
  if (typed !== undefined && typed !== '') return typed;
  throw new TsbuildError('USAGE', '--creds has no password', {
    hint: 'use --creds USER:PASSWORD, or tsbuild login with --password-stdin',
  });
}
