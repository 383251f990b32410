import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { isErrno } from '../../core/index.ts';

const largestFile = 64 * 1024;

/** The name servers that the host asks. */
export function hostServers(): string[] {
  return nameServersOf(textOf('/etc/resolv.conf'));
}

/** Those behind systemd-resolved's stub. */
export function resolvedServers(): string[] {
  return nameServersOf(textOf('/run/systemd/resolve/resolv.conf'));
}

export function nameServersOf(text: string): string[] {
  return [...text.matchAll(/^[ \t]*nameserver[ \t]+([0-9A-Fa-f.:%\w]+)/gm)].map(
    ([, address = '']) => address,
  );
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1').slice(0, largestFile);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES', 'ENOTDIR')) return '';
    throw error;
  }
}

/**
 * Those of the host's servers that a namespace behind its IPv4 translation reaches. systemd-resolved's loopback stub
 * stands for servers that it writes to a file of its own.
 */
export function reachableServers(host: readonly string[], behindStub: () => readonly string[]): string[] {
  const isStub = host.length === 1 && host[0] === '127.0.0.53';
  return (isStub ? behindStub() : host).filter((server) => isIPv4(server) && !server.startsWith('127.'));
}
