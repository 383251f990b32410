import { join } from 'node:path';
import { runOk } from './run-command.ts';
import { tempFolder } from './temp-folder.ts';

/** A fresh private key; its public half is beside it, as `.pub`. */
export async function sshKey(options: { readonly passphrase?: string } = {}): Promise<string> {
  const path = join(tempFolder('key').path, 'id');
  await runOk([
    'ssh-keygen',
    '-q',
    '-t',
    'ed25519',
    '-N',
    options.passphrase ?? '',
    '-C',
    'test',
    '-f',
    path,
  ]);
  return path;
}
