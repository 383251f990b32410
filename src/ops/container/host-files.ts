import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { hostHosts, resolvConf, type HostEntry } from '../../runtime/index.ts';

/** The container's own copies of what Docker, too, writes for it; host paths. */
export interface HostFiles {
  readonly resolvConf: string;
  readonly hosts: string;
  readonly hostname: string;
}

export function hostFilesOf(folder: string): HostFiles {
  return {
    resolvConf: join(folder, 'resolv.conf'),
    hosts: join(folder, 'hosts'),
    hostname: join(folder, 'hostname'),
  };
}

/** Each instead of the machine's; empty lists leave those. */
export interface DnsChoices {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

export interface HostFileChoices {
  readonly hostname: string;
  readonly hosts?: readonly HostEntry[] | undefined;
  readonly dns?: DnsChoices | undefined;
}

export function writeHostFiles(folder: string, choices: HostFileChoices): HostFiles {
  const files = hostFilesOf(folder);
  const { hostname, hosts = [], dns } = choices;
  const entries = [{ address: '127.0.0.1', name: hostname }, ...hosts];
  const texts = {
    [files.resolvConf]: resolvConf({ hostText: readHost('/etc/resolv.conf'), network: 'host', ...dns }),
    [files.hosts]: hostHosts(readHost('/etc/hosts'), entries),
    [files.hostname]: `${hostname}\n`,
  };
  for (const [path, text] of Object.entries(texts)) {
    writeFileSync(path, text);
    // Every user of the container reads them, whatever the umask here.
    chmodSync(path, 0o644);
  }
  return files;
}

function readHost(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
