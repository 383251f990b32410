import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { hostHosts, resolvConf } from '../../runtime/index.ts';

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

export function writeHostFiles(folder: string, hostname: string): HostFiles {
  const files = hostFilesOf(folder);
  const texts = {
    [files.resolvConf]: resolvConf({ hostText: readHost('/etc/resolv.conf'), network: 'host' }),
    [files.hosts]: hostHosts(readHost('/etc/hosts'), [{ address: '127.0.0.1', name: hostname }]),
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
