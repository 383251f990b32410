import type { Within } from '../netlink/connection.ts';
import type { Protocol } from '../types.ts';
import { relayTcp } from './relay-tcp.ts';
import { relayUdp } from './relay-udp.ts';

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** Where a relay passes on to. */
export interface Target extends Endpoint {
  /** The network that it is found from. */
  readonly within: Within;
}

/** A port of the host that this process passes on. Holding it keeps it from every other program, not only from ours. */
export interface Relay extends AsyncDisposable {
  readonly port: number;
}

/** Throws EADDRINUSE, EADDRNOTAVAIL or EACCES as system calls do. */
export function startRelay(protocol: Protocol, at: Endpoint, to: Target): Promise<Relay> {
  return protocol === 'tcp' ? relayTcp(at, to) : relayUdp(at, to);
}
