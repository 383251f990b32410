import { isIP } from 'node:net';
import { Option, type Command } from 'commander';

import { TsbuildError } from '../core/index.ts';
import type { NetworkChoices } from '../ops/index.ts';
import { parseAddHost } from '../runtime/index.ts';
import { collect } from './command.ts';

export interface NetworkFlags {
  readonly network: string;
  readonly publish?: readonly string[];
  readonly publishAll?: boolean;
  readonly expose?: readonly string[];
  readonly hostname?: string;
  readonly networkAlias?: readonly string[];
  readonly addHost?: readonly string[];
  readonly dns?: readonly string[];
  readonly dnsSearch?: readonly string[];
  readonly dnsOption?: readonly string[];
}

/** docker's word for the bridge that nobody asked for. */
const unasked = 'default';

export function addNetworkOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--network <network>',
        "bridge: one of its own; host: this machine's; none; container:<name>: another's",
      ).default(unasked, 'bridge, or host where none can be had'),
    )
    .option(
      '-p, --publish <[[ip:]port:]port[/udp]>',
      'make a port of it one of this machine; ranges as 8000-8010; repeatable',
      collect,
    )
    .option('-P, --publish-all', 'all ports that are exposed, at free ones of this machine')
    .option(
      '--expose <port[/udp]>',
      'port that it listens on, beside those of the image; repeatable',
      collect,
    )
    .option('--hostname <name>', 'host name (default: the id of the container)')
    .option('--network-alias <name>', 'name more by which other containers find it; repeatable', collect)
    .option(
      '--add-host <name:address>',
      'line more in /etc/hosts; host-gateway is this machine; repeatable',
      collect,
    )
    .option('--dns <address>', "name server, instead of the machine's; repeatable", collect)
    .option('--dns-search <domain>', 'domain to look short names up in; repeatable', collect)
    .option('--dns-option <option>', 'option of resolv.conf(5); repeatable', collect);
}

/** Throws USAGE. */
export async function networkOf(flags: NetworkFlags): Promise<NetworkChoices> {
  const { parsePublish } = await import('../network/index.ts');
  const { parseExpose } = await import('../ops/index.ts');
  const { publish = [], expose = [], networkAlias = [], addHost = [] } = flags;
  for (const text of addHost) parseAddHost(text);
  return {
    mode: modeOf(flags.network),
    publish: publish.flatMap(parsePublish),
    publishAll: flags.publishAll === true,
    exposed: expose.flatMap(parseExpose),
    aliases: networkAlias.map(checkedAlias),
    hosts: addHost,
    dns: dnsOf(flags),
  };
}

/** S-15: what is no mode is an error, and never the machine's own network. */
function modeOf(text: string): NetworkChoices['mode'] {
  switch (text) {
    case unasked:
    case 'bridge':
      return { kind: 'bridge', required: text !== unasked };
    case 'host':
    case 'none':
      return { kind: text };
    default: {
      const [, name] = /^container:(.+)$/s.exec(text) ?? [];
      if (name !== undefined) return { kind: 'container', name };
      throw new TsbuildError('USAGE', `--network: invalid value ${JSON.stringify(text)}`, {
        hint: 'expected bridge, host, none or container:<name>',
      });
    }
  }
}

function checkedAlias(text: string): string {
  if (/^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$/.test(text)) return text;
  throw new TsbuildError('USAGE', `--network-alias: invalid value ${JSON.stringify(text)}`, {
    hint: 'letters, digits, _ . and -',
  });
}

/** Throws USAGE. */
export function dnsOf({
  dns = [],
  dnsSearch = [],
  dnsOption = [],
}: Pick<NetworkFlags, 'dns' | 'dnsSearch' | 'dnsOption'>): NetworkChoices['dns'] {
  const server = dns.find((address) => isIP(address) === 0);
  if (server !== undefined) {
    throw new TsbuildError('USAGE', `--dns: invalid value ${JSON.stringify(server)}`, {
      hint: 'expected an address such as 9.9.9.9',
    });
  }
  // Each is a word of a line of resolv.conf.
  const word = [...dnsSearch, ...dnsOption].find((text) => !/^[A-Za-z0-9._:-]{1,253}$/.test(text));
  if (word !== undefined) {
    throw new TsbuildError('USAGE', `--dns-search, --dns-option: invalid value ${JSON.stringify(word)}`, {
      hint: 'expected a domain such as example.com, or an option such as ndots:2',
    });
  }
  return { nameservers: dns, search: dnsSearch, options: dnsOption };
}
