import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  containerHosts,
  hostHosts,
  isResolvedStub,
  parseAddHost,
  resolvConf,
  resolvedConf,
} from '../../runtime/index.ts';

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

/** The network that the files tell of. */
export type FilesNetwork =
  | { readonly kind: 'host' | 'none' }
  | {
      readonly kind: 'bridge';
      /** Absent before the container starts. */
      readonly attached?:
        | { readonly address: string; readonly gateway: string; readonly nameservers: readonly string[] }
        | undefined;
    };

export interface HostFileChoices {
  readonly hostname: string;
  readonly network: FilesNetwork;
  /** As `--add-host` has them. */
  readonly hosts: readonly string[];
  readonly dns: DnsChoices;
}

export function writeHostFiles(folder: string, choices: HostFileChoices): HostFiles {
  const files = hostFilesOf(folder);
  writeReadable(files.resolvConf, resolvText(choices));
  writeReadable(files.hosts, hostsText(choices));
  writeReadable(files.hostname, `${choices.hostname}\n`);
  return files;
}

/** Of the container whose network this one shares: what it finds by name and by whom it asks is the same. */
export function copyHostFiles(from: string, to: string): void {
  const [theirs, own] = [hostFilesOf(from), hostFilesOf(to)];
  copyFileSync(theirs.resolvConf, own.resolvConf);
  copyFileSync(theirs.hosts, own.hosts);
}

/** Over what is there: a container may have the file mounted. */
function writeReadable(path: string, text: string): void {
  writeFileSync(path, text);
  // Every user of the container reads them, whatever the umask here.
  chmodSync(path, 0o644);
}

function hostsText({ hostname: name, network, hosts }: HostFileChoices): string {
  const attached = network.kind === 'bridge' ? network.attached : undefined;
  const extra = hosts.map((text) => parseAddHost(text, attached?.gateway));
  const own = { address: attached?.address ?? '127.0.0.1', name };
  return network.kind === 'host'
    ? hostHosts(readHost('/etc/hosts'), [own, ...extra])
    : containerHosts(own, extra);
}

function resolvText({ network, dns }: HostFileChoices): string {
  if (network.kind !== 'bridge') {
    return resolvConf({ hostText: readHost('/etc/resolv.conf'), network: 'host', ...dns });
  }
  const { attached } = network;
  const direct = attached === undefined ? dns.nameservers : attached.nameservers;
  const text = resolvConf({ hostText: upstreamText(), network: 'own', ...dns, nameservers: direct });
  // The name of another container has no dot: before it is looked up in whatever domains are searched, it is asked for
  // as it stands. As Docker has it, too.
  return attached === undefined || /^options .*\bndots:/m.test(text) ? text : `${text}options ndots:0\n`;
}

function upstreamText(): string {
  const text = readHost('/etc/resolv.conf');
  return isResolvedStub(text) ? readHost(resolvedConf) || text : text;
}

function readHost(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
