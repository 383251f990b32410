import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  buildHosts,
  hostGateway,
  isResolvedStub,
  resolvConf,
  resolvedConf,
  type HostEntry,
} from '../../runtime/index.ts';
import type { Store } from '../../store/index.ts';

/** Files of the host that are bound read-only over those of a step. */
export interface NetworkFiles {
  readonly resolvConf: string;
  readonly hosts: string;
}

/** Instead of what the machine has, or the network. */
export interface DnsChoices {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** What of a network of its own a program is told. */
export interface OwnNetwork {
  /** The host's address in it. */
  readonly gateway: string;
  readonly nameservers: readonly string[];
}

/** /etc/resolv.conf and /etc/hosts of RUN steps, written when first needed. Disposing removes them. */
export interface NetworkFileWriter extends AsyncDisposable {
  /** Without a network of its own the step resolves as the host does. */
  filesOf(own: OwnNetwork | undefined): Promise<NetworkFiles>;
}

export function networkFileWriter(
  store: Pick<Store, 'tempDir'>,
  { extraHosts, dns }: { readonly extraHosts: readonly HostEntry[]; readonly dns?: DnsChoices | undefined },
): NetworkFileWriter {
  const written = new Map<string, NetworkFiles>();
  let folder: ReturnType<Store['tempDir']> | undefined;
  return {
    async filesOf(own) {
      const { path } = await (folder ??= store.tempDir());
      const texts = textsOf(own, { extraHosts, dns });
      const known = written.get(JSON.stringify(texts));
      if (known !== undefined) return known;
      const files = {
        resolvConf: join(path, `resolv-${written.size}.conf`),
        hosts: join(path, `hosts-${written.size}`),
      };
      written.set(JSON.stringify(texts), files);
      writeReadable(files.resolvConf, texts.resolvConf);
      writeReadable(files.hosts, texts.hosts);
      return files;
    },
    async [Symbol.asyncDispose]() {
      await (await folder)?.[Symbol.asyncDispose]();
    },
  };
}

function textsOf(
  own: OwnNetwork | undefined,
  { extraHosts, dns }: { readonly extraHosts: readonly HostEntry[]; readonly dns?: DnsChoices | undefined },
): NetworkFiles {
  const { nameservers = [], ...more } = dns ?? {};
  // On the host's network the host is the step itself.
  const gateway = own?.gateway ?? '127.0.0.1';
  const hosts = extraHosts.map(({ name, address }) => ({
    name,
    address: address === hostGateway ? gateway : address,
  }));
  const host = textOf('/etc/resolv.conf');
  return {
    hosts: buildHosts(hosts),
    resolvConf:
      own === undefined
        ? resolvConf({ hostText: host, network: 'host', nameservers, ...more })
        : resolvConf({
            hostText: isResolvedStub(host) ? textOf(resolvedConf, host) : host,
            network: 'own',
            nameservers: nameservers.length > 0 ? nameservers : own.nameservers,
            ...more,
          }),
  };
}

function textOf(path: string, otherwise = ''): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}

/** Every user of a step reads it, whatever the umask here. */
function writeReadable(path: string, text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o644);
}
