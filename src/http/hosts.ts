import { BlockList, isIP } from 'node:net';

let known: BlockList | undefined;

/** Made when first asked for: every command that might speak to a host loads this file. */
function privateNets(): BlockList {
  if (known !== undefined) return known;
  known = new BlockList();
  for (const [net, prefix] of [
    ['0.0.0.0', 8],
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
    ['172.16.0.0', 12],
    ['192.168.0.0', 16],
  ] as const) {
    known.addSubnet(net, prefix, 'ipv4');
  }
  known.addAddress('::', 'ipv6');
  known.addAddress('::1', 'ipv6');
  known.addSubnet('fc00::', 7, 'ipv6');
  known.addSubnet('fe80::', 10, 'ipv6');
  return known;
}

/** This machine itself, as a URL's host names it; the only place plain http is spoken to (checklist G-37). */
export function isLoopback(url: URL): boolean {
  const host = bare(url.hostname);
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** A literal address that only means something inside a network, or this machine. Names are not looked up. */
export function isPrivateLiteral(url: URL): boolean {
  const host = bare(url.hostname);
  const family = isIP(host);
  if (family === 0) return host === 'localhost' || host.endsWith('.localhost');
  return privateNets().check(host, family === 6 ? 'ipv6' : 'ipv4');
}

function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase();
}
