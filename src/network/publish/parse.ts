import { isIP } from 'node:net';
import { TsbuildError } from '../../core/index.ts';
import type { PortRange, Protocol, PublishedPort } from '../types.ts';

const form = /^(?:(?:(\[[^\]]*\]|[^:[\]]*):)?([\d-]*):)?([\d-]+)(?:\/(tcp|udp))?$/i;
const largestPort = 65535;

/**
 * `-p [[ADDRESS:]HOSTPORT:]PORT[/tcp|udp]`, each port perhaps a range. Two ranges of one length go together in pairs; a
 * range of the host for one port of the container is a choice. Host port 0 or none is a free one. Throws USAGE.
 */
export function parsePublish(text: string): PublishedPort[] {
  const match = form.exec(text);
  if (match === null) throw invalid(text);
  const [, address, host = '', container = '', protocol = 'tcp'] = match;
  const inner = rangeOf(container, text);
  const outer = host === '' || host === '0' ? undefined : rangeOf(host, text);
  if (inner.first === 0) throw invalid(text);
  const common = {
    protocol: protocol.toLowerCase() as Protocol,
    hostAddress: hostAddressOf(address, text),
  };
  const count = inner.last - inner.first + 1;
  if (outer === undefined || count === 1)
    return portsOf(inner).map((containerPort) => ({ ...common, hostPorts: outer, containerPort }));
  if (outer.last - outer.first + 1 !== count) throw invalid(text, 'the ranges differ in length');
  return portsOf(inner).map((containerPort, index) => {
    const port = outer.first + index;
    return { ...common, hostPorts: { first: port, last: port }, containerPort };
  });
}

function portsOf({ first, last }: PortRange): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function rangeOf(text: string, whole: string): PortRange {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const first = Number(match?.[1] ?? Number.NaN);
  const last = match?.[2] === undefined ? first : Number(match[2]);
  if (!(first >= 0 && first <= last && last <= largestPort))
    throw invalid(whole, `${text} is no port or range of ports`);
  return { first, last };
}

function hostAddressOf(written: string | undefined, whole: string): string | undefined {
  if (written === undefined || written === '' || written === '0.0.0.0') return undefined;
  const address = written === 'localhost' ? '127.0.0.1' : written.replace(/^\[|\]$/g, '');
  if (isIP(address) === 0) throw invalid(whole, `${address} is no address`);
  return address;
}

function invalid(text: string, why?: string): TsbuildError {
  const reason = why === undefined ? '' : `: ${why}`;
  return new TsbuildError('USAGE', `-p: invalid value ${JSON.stringify(text)}${reason}`, {
    hint: 'expected [[address:]hostport:]port[/tcp|udp] such as 8080:80, 127.0.0.1:8080:80 or 53:53/udp',
  });
}
