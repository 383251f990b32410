import { join } from 'node:path';

import { runOk } from './run-command.ts';

export interface TlsFiles {
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority of its own and a certificate for `name` by it, as PEM files in the folder. */
export async function makeTlsFiles(folder: string, name: string): Promise<TlsFiles> {
  const file = (base: string): string => join(folder, base);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const authority = file('ca.pem');
  await runOk(
    ['openssl', 'req', '-x509', ...key, '-subj', '/CN=test authority'].concat([
      '-keyout',
      file('ca.key'),
      '-out',
      authority,
    ]),
  );
  await runOk(
    ['openssl', 'req', '-x509', ...key, '-subj', `/CN=${name}`, '-CA', authority, '-CAkey', file('ca.key')]
      .concat([
        '-addext',
        `subjectAltName=DNS:${name},IP:127.0.0.1`,
        '-addext',
        'basicConstraints=critical,CA:FALSE',
      ])
      .concat(['-keyout', file('key.pem'), '-out', file('cert.pem')]),
  );
  return { authority, certificate: file('cert.pem'), key: file('key.pem') };
}
