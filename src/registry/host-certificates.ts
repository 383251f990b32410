import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { isErrno, TsbuildError } from '../core/index.ts';
import type { TlsSettings } from '../http/index.ts';
import { homeFolder } from '../sys/index.ts';
import type { ConfigPlaces } from './registries-conf.ts';
import { readSmallFile } from './small-file.ts';

/**
 * What the folder `certs.d/<host[:port]>` has for a host, as docker and containers-certs.d(5) read it: `*.crt` are authorities
 * to trust, `name.cert` and `name.key` are how we show who we are. The first folder that is there counts, the user's before
 * the machine's. Undefined where there is none. Throws REGISTRY_CONFIG_INVALID.
 */
export function hostCertificates(
  host: string,
  places: ConfigPlaces = {},
): Omit<TlsSettings, 'verify'> | undefined {
  // It becomes a path, and a token service's host is the registry's choice.
  if (!/^[A-Za-z0-9[][A-Za-z0-9._:[\]-]{0,254}$/.test(host)) return undefined;
  for (const folder of certificateFolders(places)) {
    const path = join(folder, host);
    const names = namesIn(path);
    if (names !== undefined) return readCertificates(path, names);
  }
  return undefined;
}

/** What a folder that the user named has. Throws REGISTRY_CONFIG_INVALID. */
export function certificatesIn(folder: string): Omit<TlsSettings, 'verify'> {
  const names = namesIn(folder);
  if (names === undefined) throw invalid(folder, 'there is no such folder that can be read');
  return readCertificates(folder, names);
}

function certificateFolders({ environment = process.env, etc = '/etc' }: ConfigPlaces): readonly string[] {
  const home = homeFolder(environment);
  const config = environment['XDG_CONFIG_HOME'] || join(home, '.config');
  return [
    join(config, 'containers', 'certs.d'),
    join(environment['DOCKER_CONFIG'] || join(home, '.docker'), 'certs.d'),
    join(etc, 'containers', 'certs.d'),
    join(etc, 'docker', 'certs.d'),
  ];
}

function namesIn(folder: string): readonly string[] | undefined {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    // dockerd makes an /etc/docker that root alone may enter; to go on without it trusts less, never more.
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return undefined;
    throw invalid(folder, 'it cannot be read');
  }
}

function readCertificates(folder: string, names: readonly string[]): Omit<TlsSettings, 'verify'> {
  const read = (name: string): string => {
    const path = join(folder, name);
    const text = readSmallFile(path, (why) => invalid(path, why));
    if (text?.includes('-----BEGIN ') === true) return text;
    throw invalid(path, text === undefined ? 'it is missing' : 'it is not in PEM form');
  };
  const authorities = names.filter((name) => name.endsWith('.crt')).map(read);
  const certificate = names.find((name) => name.endsWith('.cert'));
  const lonely = names.find((name) => name.endsWith('.key') && !names.includes(name.replace(/key$/, 'cert')));
  if (lonely !== undefined) {
    throw invalid(join(folder, lonely), 'a .key needs a .cert of the same name; authorities end in .crt');
  }
  if (certificate === undefined) return { authorities };
  const key = read(certificate.replace(/cert$/, 'key'));
  return { authorities, client: { certificate: read(certificate), key } };
}

function invalid(path: string, why: string): TsbuildError {
  return new TsbuildError('REGISTRY_CONFIG_INVALID', `cannot use ${path}: ${why}`);
}
