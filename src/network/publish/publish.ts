import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { isErrno, TsbuildError } from '../../core/index.ts';
import type { Within } from '../netlink/connection.ts';
import { ownPortRules } from '../rules.ts';
import type { BoundPort, Protocol, PublishedPort } from '../types.ts';
import { startRelay, type Relay } from './relay.ts';

export interface PublishOptions {
  readonly bridge: string;
  /** The container's. */
  readonly address: string;
  readonly ports: readonly PublishedPort[];
  /** The network that the bridge is in. */
  readonly within: Within;
  /** Who publishes a port of the host, for messages. */
  readonly holderOf: (port: { readonly protocol: Protocol; readonly port: number }) => string | undefined;
}

export interface PublishedPorts extends AsyncDisposable {
  readonly ports: readonly BoundPort[];
}

const everyAddress = '0.0.0.0';

/**
 * Every port has a relay, which reserves it, and serves the host's own programs; what comes from elsewhere is translated
 * by the kernel before it gets there. Throws PORT_IN_USE.
 */
export async function publishPorts(options: PublishOptions): Promise<PublishedPorts> {
  await using stack = new AsyncDisposableStack();
  const bound: BoundPort[] = [];
  for (const port of options.ports) {
    const { relay, hostAddress } = await bindOne(port, options);
    stack.use(relay);
    bound.push({
      protocol: port.protocol,
      hostAddress,
      hostPort: relay.port,
      containerPort: port.containerPort,
    });
    if (port.hostAddress === undefined) stack.use(await alsoOnIpv6Loopback(port, relay.port, options));
  }
  const fromOutside = bound.filter(
    ({ hostAddress }) => isIPv4(hostAddress) && !hostAddress.startsWith('127.'),
  );
  // To a bridge that is not of the host the relay is the only way in.
  if (fromOutside.length > 0 && options.within === undefined)
    stack.use(ownPortRules(options.bridge, options.address, fromOutside));
  const all = stack.move();
  return { ports: bound, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function bindOne(
  { protocol, hostAddress = everyAddress, hostPorts, containerPort }: PublishedPort,
  { address, within, holderOf }: PublishOptions,
): Promise<{ readonly relay: Relay; readonly hostAddress: string }> {
  const { first, last } = hostPorts ?? { first: 0, last: 0 };
  const to = { address, port: containerPort, within };
  for (let port = first; ; port++) {
    try {
      return { relay: await startRelay(protocol, { address: hostAddress, port }, to), hostAddress };
    } catch (error) {
      if (isErrno(error, 'EADDRINUSE') && port < last) continue;
      throw bindFailure(error, { protocol, hostAddress, port }, holderOf);
    }
  }
}

/** `localhost` is ::1 to many programs before it is 127.0.0.1. Where that port is taken or IPv6 is off, it is left. */
async function alsoOnIpv6Loopback(
  { protocol, containerPort }: PublishedPort,
  port: number,
  { address, within }: PublishOptions,
): Promise<AsyncDisposable | null> {
  try {
    return await startRelay(protocol, { address: '::1', port }, { address, port: containerPort, within });
  } catch (error) {
    if (isErrno(error, 'EADDRINUSE', 'EADDRNOTAVAIL', 'EAFNOSUPPORT')) return null;
    throw error;
  }
}

function bindFailure(
  error: unknown,
  {
    protocol,
    hostAddress,
    port,
  }: { readonly protocol: Protocol; readonly hostAddress: string; readonly port: number },
  holderOf: PublishOptions['holderOf'],
): unknown {
  const where =
    hostAddress === everyAddress ? `port ${port}/${protocol}` : `port ${port}/${protocol} of ${hostAddress}`;
  if (isErrno(error, 'EADDRINUSE')) {
    const holder = holderOf({ protocol, port });
    const by = holder === undefined ? 'another program' : `the container ${holder}`;
    return new TsbuildError('PORT_IN_USE', `${where} cannot be published: ${by} has it`, {
      hint: 'choose another host port, or leave it out to get a free one',
      cause: error,
    });
  }
  if (isErrno(error, 'EADDRNOTAVAIL')) {
    return new TsbuildError('USAGE', `-p: ${hostAddress} is no address of this machine`, { cause: error });
  }
  if (isErrno(error, 'EACCES')) {
    return new TsbuildError(
      'PERMISSION_DENIED',
      `${where} cannot be published: ports below ${firstOfAll()} are for root`,
      {
        hint: `choose a host port from ${firstOfAll()} on, or as root: sysctl -w net.ipv4.ip_unprivileged_port_start=${port}`,
        cause: error,
      },
    );
  }
  return error;
}

/** The first port that needs no privilege. */
function firstOfAll(): string {
  return readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'latin1').trim();
}
