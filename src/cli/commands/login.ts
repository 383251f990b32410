import type { Command } from 'commander';

import { TsbuildError } from '../../core/index.ts';
import { examples, makeCommand } from '../command.ts';
import { interruptSignal } from '../interrupt.ts';
import { askOnTerminal } from '../ask.ts';

interface LoginFlags {
  readonly username?: string;
  readonly password?: string;
  readonly passwordStdin?: boolean;
}

const maxPassword = 64 * 1024;

export function loginCommand(): Command {
  const command = makeCommand('login', 'Keep user and password of a registry, once it accepts them')
    .argument('[registry]', 'host of the registry', 'docker.io')
    .option('-u, --username <name>', 'user')
    .option('-p, --password <password>', 'password; others on this machine can see it: --password-stdin')
    .option('--password-stdin', 'read the password from standard input')
    .addHelpText(
      'after',
      examples([
        ['tsbuild login ghcr.io', 'user and password are asked for'],
        ['tsbuild login -u me --password-stdin ghcr.io < token', 'the token of a file is the password'],
      ]),
    );
  return command.action(async (text: string, flags: LoginFlags) => {
    const registry = await registryNamed(text);
    using interrupt = interruptSignal();
    const user = await askedFor(registry, flags, interrupt.signal);
    const { logIn } = await import('../../registry/index.ts');
    const { path, helper } = await logIn(registry, user, { signal: interrupt.signal });

    if (helper === undefined) process.stderr.write(`the password is in ${path}, readable by its owner\n`);
    else process.stderr.write(`the password is with the credential helper ${helper}\n`);
    process.stdout.write('Login Succeeded\n');
  });
}

export function logoutCommand(): Command {
  return makeCommand('logout', 'Forget user and password of a registry')
    .argument('[registry]', 'host of the registry', 'docker.io')
    .action(async (text: string) => {
      const registry = await registryNamed(text);
      using interrupt = interruptSignal();
      const { logOut } = await import('../../registry/index.ts');
      const was = await logOut(registry, { signal: interrupt.signal });
      process.stdout.write(was ? `Removed the login of ${registry}\n` : `Not logged in to ${registry}\n`);
    });
}

/** People paste URLs and names of images; only the host counts. */
async function registryNamed(text: string): Promise<string> {
  const host = text.replace(/^https?:\/\//, '').replace(/\/(?:v[12]\/?)?$/, '');
  const { parseReference } = await import('../../oci/index.ts');
  if (/^[A-Za-z0-9.:[\]-]+$/.test(host)) {
    const withDot = /[.:]/.test(host) || host === 'localhost';
    if (withDot) return parseReference(`${host}/x`).registry;
  }
  throw new TsbuildError('USAGE', `not the host of a registry: ${JSON.stringify(text.slice(0, 200))}`, {
    hint: 'write it as in names of images: ghcr.io, localhost:5000',
  });
}

/** On a terminal what is missing is asked for. */
async function askedFor(
  registry: string,
  flags: LoginFlags,
  signal: AbortSignal,
): Promise<{ readonly username: string; readonly password: string }> {
  const { password, passwordStdin } = flags;
  if (password !== undefined && passwordStdin === true) {
    throw new TsbuildError('USAGE', '--password and --password-stdin exclude each other');
  }
  const canAsk = process.stdin.isTTY && passwordStdin !== true;
  const ask = async (question: string, hidden: boolean): Promise<string | undefined> =>
    canAsk ? askOnTerminal(question, { hidden, signal }) : undefined;

  const username = flags.username ?? (await ask(`user at ${registry}: `, false));
  if (username === undefined || username === '' || username.includes(':')) {
    throw new TsbuildError('USAGE', 'login needs the name of a user, without a colon', {
      hint: 'use -u NAME',
    });
  }
  const given = passwordStdin === true ? await readPassword() : (password ?? (await ask('password: ', true)));
  if (given !== undefined && given !== '') return { username, password: given };
  throw new TsbuildError('USAGE', 'login needs a password', { hint: 'give it by --password-stdin' });
}

async function readPassword(): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > maxPassword)
      throw new TsbuildError('USAGE', `the password is larger than ${maxPassword} bytes`);
    chunks.push(chunk);
  }
  // The line end is echo's, not the password's.
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}
